// Whether two logins can be told apart: by what they answer, and by how long it takes.
import { randomUUID } from 'node:crypto';
import { percentile } from '../bench/figures.ts';
import type { AttackTenant, Ground } from './ground.ts';
import type { Answer } from './http.ts';
import { expectAnswer, expectSame, expectThat } from './line.ts';

/** The answer but for what no two answers share: the date. */
export function comparable({ status, headers, text }: Answer): unknown {
  const { date: _date, ...rest } = headers;
  return [status, Object.entries(rest), text];
}

/** @throws Fallen when two answers, sent with one request id, can be told apart. */
export function expectAlike(what: string, came: Answer, expected: Answer): void {
  expectSame(what, comparable(came), comparable(expected));
}

const pairsARound = 12;
const roundsMax = 10;

/** A busy machine has several speeds, and one of these may fall between two of them; a difference moves all. */
const quartiles = { medians: 0.5, 'lower quartiles': 0.25, 'upper quartiles': 0.75 };

/** The quartile of these times in which they differ least. */
function closestQuartile(one: number[], other: number[]) {
  const all = Object.entries(quartiles).map(([name, share]) => {
    const [a, b] = [percentile(one, share), percentile(other, share)];
    const apart = Math.abs(a - b) / Math.min(a, b);
    const words = `${name} ${a.toFixed(1)} and ${b.toFixed(1)} ms, ${(apart * 100).toFixed(1)} % apart`;
    return { apart, words };
  });
  return all.reduce((closest, each) => (each.apart < closest.apart ? each : closest));
}

/**
 * Fails to log in at two addresses in turns, until a quartile of their times is within a tenth of the
 * other's: noise passes, a difference stays. @returns what was seen, in words
 */
export async function compareLogins(
  ground: Ground,
  tenant: AttackTenant,
  [one, other]: [string, string],
): Promise<string> {
  const times: Record<string, number[]> = { [one]: [], [other]: [] };
  // Its own: the more often a busy machine makes it try, the more that counts against other lines' logins.
  const from = ground.newAddress();
  const attempt = async (email: string, id: string) => {
    const body = { email, password: 'certainly-not-this-password' };
    const answer = await ground.login(tenant, body, { headers: { 'x-request-id': id }, from });
    times[email]?.push(answer.ms);
    return answer;
  };
  for (let round = 1; ; round += 1) {
    for (let pair = 0; pair < pairsARound; pair += 1) {
      const id = randomUUID();
      const first = await attempt(pair % 2 ? one : other, id);
      const second = await attempt(pair % 2 ? other : one, id);
      expectAnswer('a login with a wrong password', first, '401 invalid_credentials');
      expectAlike('answers to an address with an account and to one without', second, first);
    }
    const { apart, words } = closestQuartile(times[one] ?? [], times[other] ?? []);
    const seen = `${words}, over ${round * pairsARound} pairs`;
    if (apart <= 0.1) return seen;
    if (round === roundsMax) expectThat('the time that a login takes', false, 'quartiles within 10 %', seen);
  }
}
