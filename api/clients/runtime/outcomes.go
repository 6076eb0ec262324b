// One attempt of the Go client, waiting for the outcome of an operation, and webhooks that tell of one.
package coinlane

func (w *wire) attempt(ctx context.Context, c call, s settings, body []byte, refused bool, into any) error {
	address := w.options.URL + c.path
	if query, err := queryOf(c.query); err != nil {
		return err
	} else if query != "" {
		address += "?" + query
	}
	long := s.timeout + time.Duration(s.wait)*time.Second
	timed, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	request, err := http.NewRequestWithContext(timed, c.method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	set := func(name, value string) {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	token := ""
	if c.credential != "none" {
		if token = w.options.SecretKey; token == "" && w.options.AccessToken != nil {
			if token, err = w.options.AccessToken(ctx, refused); err != nil {
				return err
			}
		}
	}
	if token != "" {
		set("Authorization", "Bearer "+token)
	}
	if body != nil {
		set("Content-Type", "application/json")
	}
	if s.wait > 0 {
		set("Prefer", "wait="+strconv.Itoa(s.wait))
	}
	set("Accept", "application/json")
	set("X-Tenant", w.options.Tenant)
	set("Idempotency-Key", s.key)
	answer, err := w.options.HTTPClient.Do(request)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if timed.Err() != nil {
			return &Error{Code: "timeout", Detail: fmt.Sprintf("No answer within %s.", long), cause: err}
		}
		return &Error{Code: "connection_failed", Detail: "Nothing answers at " + w.options.URL + ".", cause: err}
	}
	return readAnswer(answer, text, into)
}

func readAnswer(answer *http.Response, text []byte, into any) error {
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		if into == nil || len(text) == 0 || json.Unmarshal(text, into) == nil {
			return nil
		}
	}
	var told Problem
	// A proxy's page, most likely: what there is to know is the status.
	if json.Unmarshal(text, &told) != nil || told.Code == "" {
		told = Problem{Code: "unexpected_answer", Title: answer.Status}
	}
	problem := &Error{Code: told.Code, Status: answer.StatusCode, Title: told.Title, Detail: told.Detail, Errors: told.Errors}
	if told.RequestID != nil {
		problem.RequestID = *told.RequestID
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		problem.RetryAfter = time.Duration(seconds) * time.Second
	}
	return problem
}

// queryOf writes the fields that a struct gives to JSON as a query.
func queryOf(fields any) (string, error) {
	if fields == nil {
		return "", nil
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return "", err
	}
	var named map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&named); err != nil {
		return "", err
	}
	values := url.Values{}
	for name, value := range named {
		values.Set(name, fmt.Sprint(value))
	}
	return values.Encode(), nil
}

// withMore is a struct as JSON, and fields that it has no names for.
func withMore(fields any, more map[string]any) ([]byte, error) {
	text, err := json.Marshal(fields)
	if err != nil || len(more) == 0 {
		return text, err
	}
	all := map[string]any{}
	for name, value := range more {
		all[name] = value
	}
	var named map[string]json.RawMessage
	if err := json.Unmarshal(text, &named); err != nil {
		return nil, err
	}
	for name, value := range named {
		all[name] = value
	}
	return json.Marshal(all)
}

func newKey() string {
	b := make([]byte, 16)
	if _, err := cryptorand.Read(b); err != nil {
		panic(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Settled asks until the operation has its outcome or ctx ends; the outcome is an Error where it was not applied.
func (c *Client) Settled(ctx context.Context, operationID string) (*Operation, error) {
	for pause := 150 * time.Millisecond; ; pause = pause * 3 / 2 {
		operation, err := c.Operations.Get(ctx, operationID)
		if err != nil || operation.Status == "applied" {
			return operation, err
		}
		code, became := "payment_state", operation.Status
		switch operation.Status {
		case "rejected":
			code = "internal_error"
			if operation.Reason != nil {
				code = *operation.Reason
			}
			became = "rejected: " + code
			fallthrough
		case "failed", "expired":
			status, known := ProblemStatuses[code]
			if !known {
				status = 409
			}
			return nil, &Error{Code: code, Status: status, Title: code, Detail: "Operation " + operationID + " was " + became + "."}
		}
		if pause > 2*time.Second {
			pause = 2 * time.Second
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// WebhookEvent is what a webhook tells; Data of an operation.* is an Operation.
type WebhookEvent struct {
	Type      string          `json:"type"`
	Timestamp string          `json:"timestamp"`
	Tenant    string          `json:"tenant"`
	Data      json.RawMessage `json:"data"`
}

// WebhookTolerance is how far off the time of a webhook may be.
const WebhookTolerance = 5 * time.Minute

// VerifyWebhook is the event of a webhook (Standard Webhooks), once one of the secrets vouches for it: give the old and
// the new one while you rotate. body is what came, not parsed and written again. Otherwise an Error invalid_signature.
func VerifyWebhook(body []byte, headers http.Header, tolerance time.Duration, secrets ...string) (*WebhookEvent, error) {
	refuse := func(detail string) error {
		return &Error{Code: "invalid_signature", Title: "invalid_signature", Detail: detail}
	}
	id, timestamp, signatures := headers.Get("webhook-id"), headers.Get("webhook-timestamp"), headers.Get("webhook-signature")
	if id == "" || timestamp == "" || signatures == "" {
		return nil, refuse("A header of the webhook is missing.")
	}
	seconds, err := strconv.ParseUint(timestamp, 10, 40)
	if err != nil || time.Since(time.Unix(int64(seconds), 0)).Abs() > tolerance {
		return nil, refuse("It was signed at another time.")
	}
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
		expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, given := range strings.Fields(signatures) {
			if hmac.Equal(expected, []byte(given)) {
				var event WebhookEvent
				return &event, json.Unmarshal(body, &event)
			}
		}
	}
	return nil, refuse("No signature matches.")
}
