// Names every route for those who call it from code: group and verb, told from tag, method and path (`wallet.spend`).

export interface OperationName {
  group: string;
  verb: string;
}

/** What a tag's routes are called in code, and the word that its paths begin with and its verbs need not repeat. */
const groups: Record<string, { group: string; own: string }> = {
  Users: { group: 'account', own: '' },
  'Second factor': { group: 'secondFactor', own: 'second-factor' },
  Accounts: { group: 'users', own: 'users' },
  Wallet: { group: 'wallet', own: 'wallet' },
  'Top-up': { group: 'topUps', own: 'wallet' },
  Items: { group: 'items', own: 'wallet' },
  Schedules: { group: 'schedules', own: 'schedules' },
  Operations: { group: 'operations', own: 'operations' },
  Webhooks: { group: 'webhooks', own: 'webhook-endpoints' },
  Providers: { group: 'providers', own: '' },
  Sandbox: { group: 'sandbox', own: 'sandbox' },
  Operator: { group: 'operator', own: 'operator' },
  System: { group: 'system', own: '' },
};

/** Where the rule would give a name that nobody would look for. */
const given: Record<string, string> = {
  'GET /.well-known/jwks.json': 'publicKeys',
  'POST /login/second-factor': 'loginWithSecondFactor',
  'POST /login/passkey': 'loginWithPasskey',
  'POST /login/passkey/options': 'passkeyLoginOptions',
  'POST /token/refresh': 'refresh',
  'POST /oauth/token': 'redeemCode',
  'GET /oauth/{provider}': 'startLogin',
  'GET /oauth/{provider}/callback': 'finishLogin',
  'POST /identities/{provider}': 'startLink',
  'PUT /identities/{provider}': 'finishLink',
  'POST /email/verification': 'sendVerification',
  'GET /profile/export': 'exportProfile',
  'POST /second-factor/totp': 'setUpTotp',
  'POST /second-factor/recovery-codes': 'createRecoveryCodes',
  'POST /passkeys/options': 'passkeyOptions',
  'GET /wallet/top-up': 'getTopUp',
  'GET /items': 'list',
  'GET /return/{tenant}/{purchaseId}': 'comeBack',
  'POST /webhooks/{provider}/{tenant}': 'report',
  'DELETE /sessions': 'endSessions',
  'DELETE /sessions/{id}': 'endSession',
  'DELETE /users/{id}/sessions': 'endSessions',
  'DELETE /operator/tenants/{slug}/users/{id}/sessions': 'endUserSessions',
  'POST /sandbox/checkout/{ref}/dispute/win': 'winDispute',
  'POST /sandbox/checkout/{ref}/dispute/lose': 'loseDispute',
  'POST /operator/tenants/{slug}/held-operations/{operationId}/decision': 'decideHeldOperation',
  'GET /operator/tenants/{slug}/reconciliations/{id}.csv': 'getReconciliationCsv',
};

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
const camel = (segment: string) =>
  segment.replaceAll(/[^a-zA-Z0-9]+(.)?/g, (_, next = '') => next.toUpperCase());
const isParameter = (segment: string) => segment.startsWith('{');

/** One of many: `holds` is `hold`, `entries` is `entry`, and `address` stays. */
export function singular(word: string): string {
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (/(ch|x|ss|sh)es$/.test(word)) return word.slice(0, -2);
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
}

/** `paths` are all paths there are: a word that a parameter follows somewhere is a collection. */
export function nameOperation(tag: string, method: string, path: string, paths: string[]): OperationName {
  const word = tag.toLowerCase();
  const { group, own } = groups[tag] ?? { group: camel(word), own: word.replaceAll(' ', '-') };
  const named = given[`${method.toUpperCase()} ${path}`];
  return { group, verb: named ?? verbOf(method.toLowerCase(), path, own, paths) };
}

function verbOf(method: string, path: string, own: string, paths: string[]): string {
  const segments = path.split('/').slice(1);
  const last = segments.at(-1) ?? '';
  const noun = (word: string, many = false) =>
    word === own ? '' : capital(camel(many ? word : singular(word)));
  if (isParameter(last)) return verbsOfOne[method] + noun(segments.at(-2) ?? '');
  const isCollection = last.endsWith('s') && paths.some((other) => other.startsWith(`${path}/{`));
  if (isCollection)
    return method === 'get' ? `list${noun(last, true)}` : `${verbsOfMany[method]}${noun(last)}`;
  // What is below a wallet is asked for by its own name, whatever group it is in.
  const words = segments.filter((segment) => segment !== own && segment !== 'wallet');
  const owners = segments.slice(0, -1);
  if (owners.some(isParameter)) return verbBelow(method, segments, noun);
  const whole = words.map((word, index) => (index === 0 ? camel(word) : capital(camel(word)))).join('');
  if (method === 'get') return whole || 'get';
  if (method === 'post') {
    if (last === own || /[^s]s$/.test(last)) return `create${noun(last)}`;
    const objects = words.slice(0, -1).map((word) => noun(word));
    return objects.length > 0 ? camel(last) + objects.join('') : whole;
  }
  return verbsOfOne[method] + capital(whole);
}

/** Below one of a collection: `captureHold`, `listLots`; below a tenant nothing but its own name is said. */
function verbBelow(
  method: string,
  segments: string[],
  noun: (word: string, many?: boolean) => string,
): string {
  const last = segments.at(-1) ?? '';
  const parameterAt = segments.findLastIndex(isParameter);
  const owner = segments[parameterAt - 1] ?? '';
  const between = segments.slice(parameterAt + 1, -1);
  const ownerNoun = owner === 'tenants' ? '' : noun(owner);
  if (method === 'get') {
    if (last.endsWith('s')) return `list${ownerNoun}${capital(camel(last))}`;
    return ownerNoun === ''
      ? camel(last)
      : `${ownerNoun.charAt(0).toLowerCase()}${ownerNoun.slice(1)}${capital(camel(last))}`;
  }
  if (method === 'post') return camel(last) + (between.length > 0 ? noun(between.at(-1) ?? '') : ownerNoun);
  return verbsOfOne[method] + ownerNoun + capital(camel(last));
}

const verbsOfOne: Record<string, string> = {
  get: 'get',
  post: 'create',
  put: 'set',
  patch: 'update',
  delete: 'delete',
};
const verbsOfMany: Record<string, string> = { ...verbsOfOne, get: 'list', delete: 'deleteAll' };
