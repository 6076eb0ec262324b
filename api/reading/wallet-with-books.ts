// Finds the wallet whose books are read: of the caller or the user named, and of a coin.
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { walletToRead } from '../routes/balance.ts';

/** @throws Problem not_found where the user has none of this coin: reading makes no wallet. */
export async function walletWithBooks(
  deps: Pick<ApiDeps, 'wallets'>,
  caller: Caller,
  given: string | undefined,
  coin: string | undefined,
): Promise<string> {
  const { walletId, currency } = await walletToRead(deps, caller, given, coin);
  if (walletId === undefined) {
    throw new Problem('not_found', { detail: `This user has no wallet of ${currency} yet.` });
  }
  return walletId;
}
