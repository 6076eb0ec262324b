// The story of clients.test.ts as a program in Go tells it: ends with 1 where something is not as promised.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"story/coinlane"
)

func same(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Sprintf("%v is not %v", found, expected))
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// refusal is the code and the status of what must have gone wrong.
func refusal[T any](_ T, err error) string {
	problem, _ := err.(*coinlane.Error)
	if problem == nil {
		panic(fmt.Sprintf("it went well, or ended with %v", err))
	}
	return problem.Code + " " + strconv.Itoa(problem.Status)
}

func main() {
	var told struct {
		URL, BadLine, Silent, Tenant, SecretKey, UserId, Secret, Body string
		Headers                                                       map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&told); err != nil {
		panic(err)
	}
	ctx := context.Background()

	// Somebody registers, and the token comes from a callback that is told when the last was refused.
	door := coinlane.New(coinlane.Options{URL: told.URL, Tenant: told.Tenant})
	made := must(door.Account.Register(ctx, coinlane.Registration{Email: "go@example.com", Password: "correct horse battery"}))
	asked := []bool{}
	user := coinlane.New(coinlane.Options{URL: told.URL, AccessToken: func(_ context.Context, refused bool) (string, error) {
		if asked = append(asked, refused); len(asked) == 1 {
			return "stale", nil
		}
		return made.AccessToken, nil
	}})
	same(must(user.Account.Profile(ctx, coinlane.AccountProfileQuery{})).Email, "go@example.com")
	same(asked, []bool{false, true})
	same(refusal(door.Account.Login(ctx, coinlane.Credentials{Email: "go@example.com", Password: "wrong"})), "invalid_credentials 401")

	// Coins are bought in the sandbox, spent, and a replay is the same operation.
	bought := must(user.Wallet.Buy(ctx, coinlane.WalletBuyInput{Pack: coinlane.Ptr("starter"), Provider: "sandbox"}, coinlane.Wait(10)))
	parts := strings.Split(*bought.CheckoutURL, "/")
	must(user.Sandbox.PayCheckout(ctx, parts[len(parts)-1]))
	same(*must(user.Settled(ctx, bought.ID)).BalanceAfter, int64(500))
	amount := func(coins int64) coinlane.WalletSpendInput { return coinlane.WalletSpendInput{Amount: &coins} }
	sword := amount(120)
	sword.Metadata = map[string]any{"level": 7}
	spent := must(user.Wallet.Spend(ctx, sword, coinlane.Wait(10), coinlane.IdempotencyKey("go-sword")))
	same([]any{spent.Status, *spent.BalanceAfter}, []any{"applied", int64(380)})
	same(must(user.Wallet.Spend(ctx, sword, coinlane.IdempotencyKey("go-sword"))).ID, spent.ID)
	same(must(user.Wallet.PreviewRefund(ctx, coinlane.WalletRefundInput{OperationID: spent.ID})).Coins, int64(120))

	// A refusal is an error with its code, waited for or settled.
	same(refusal(user.Wallet.Spend(ctx, amount(381), coinlane.Wait(10))), "insufficient_funds 402")
	short := must(user.Wallet.Spend(ctx, amount(381)))
	same(refusal(user.Settled(ctx, short.ID)), "insufficient_funds 402")
	_, err := user.Wallet.Spend(ctx, amount(-1))
	same(err.(*coinlane.Error).Errors[0].Pointer, "/amount")
	same(err.(*coinlane.Error).RequestID != "", true)

	// A list is gone through to its end, or read page by page.
	for coins := int64(1); coins <= 3; coins++ {
		must(user.Wallet.Spend(ctx, amount(coins), coinlane.Wait(10)))
	}
	amounts := []int64{}
	lines := user.Wallet.Transactions(coinlane.WalletTransactionsQuery{Limit: coinlane.Ptr(int64(2))})
	for lines.Next(ctx) {
		amounts = append(amounts, lines.Value().Amount)
	}
	same(lines.Err(), nil)
	same(amounts, []int64{-3, -2, -1, -120, 500})
	same(must(lines.Page(ctx, "")).HasMore, true)

	// A line that fails three times, once after the work was done, makes one operation.
	platform := coinlane.New(coinlane.Options{URL: told.BadLine, SecretKey: told.SecretKey})
	input := amount(7)
	input.UserID, input.Reference = &told.UserId, coinlane.Ptr("go-once")
	once := must(platform.Wallet.Spend(ctx, input, coinlane.Wait(10)))
	found := must(platform.Operations.List(coinlane.OperationsListQuery{Reference: input.Reference}).Page(ctx, ""))
	same([]any{len(found.Data), found.Data[0].ID}, []any{1, once.ID})
	batch := must(platform.Wallet.Batch(ctx, coinlane.WalletBatchInput{Operations: []coinlane.WalletBatchInputOperation{
		{Kind: "grant", More: map[string]any{"userId": told.UserId, "amount": 5}},
	}}, coinlane.Wait(10)))
	same(*batch.Items[0].Operation.Amount, int64(5))

	// Nobody there, and nobody who answers in time.
	gone := coinlane.New(coinlane.Options{URL: "http://127.0.0.1:9", SecretKey: "sk", AttemptsMax: 2})
	same(refusal(gone.Wallet.Balance(ctx, coinlane.WalletBalanceQuery{})), "connection_failed 0")
	slow := coinlane.New(coinlane.Options{URL: told.Silent, SecretKey: "sk", AttemptsMax: 1})
	same(refusal(slow.Wallet.Balance(ctx, coinlane.WalletBalanceQuery{}, coinlane.Timeout(100*time.Millisecond))), "timeout 0")

	// A webhook of ours is believed under either secret, and nothing else is.
	headers := func(changed map[string]string) http.Header {
		all := http.Header{}
		for _, each := range []map[string]string{told.Headers, changed} {
			for name, value := range each {
				all.Set(name, value)
			}
		}
		return all
	}
	verify := func(body string, changed map[string]string, tolerance time.Duration, secrets ...string) (*coinlane.WebhookEvent, error) {
		return coinlane.VerifyWebhook([]byte(body), headers(changed), tolerance, secrets...)
	}
	const other = "whsec_b3RoZXI="
	event := must(verify(told.Body, nil, coinlane.WebhookTolerance, other, told.Secret))
	var granted coinlane.Operation
	same([]any{json.Unmarshal(event.Data, &granted), *granted.Amount, event.Type}, []any{nil, int64(1000), "operation.applied"})
	const no = "invalid_signature 0"
	same(refusal(verify(strings.Replace(told.Body, "1000", "9000", 1), nil, coinlane.WebhookTolerance, told.Secret)), no)
	same(refusal(verify(told.Body, map[string]string{"webhook-id": "msg_other"}, coinlane.WebhookTolerance, told.Secret)), no)
	same(refusal(verify(told.Body, map[string]string{"webhook-signature": "v1,%%% v1, v2,x"}, coinlane.WebhookTolerance, told.Secret)), no)
	same(refusal(verify(told.Body, nil, coinlane.WebhookTolerance, other)), no)
	same(refusal(coinlane.VerifyWebhook([]byte(told.Body), http.Header{}, coinlane.WebhookTolerance, told.Secret)), no)
	same(refusal(verify(told.Body, nil, 0, told.Secret)), no)
	fmt.Println("told to its end")
}
