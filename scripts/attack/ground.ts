// What every line stands on: tenants of its own, users, coins, and the levers that it was given.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Answer, Http, SendOptions } from './http.ts';
import type { DatabaseLever, Levers, Mail, Mailbox, Target } from './levers.ts';
import { leverReasons } from './levers.ts';
import { expectAnswer, type LeverName, NotShown } from './line.ts';

export interface AttackTenant {
  slug: string;
  secretKey: string;
}

export interface AttackUser {
  id: string;
  email: string;
  password: string;
  token: string;
  refreshToken: string;
}

/** Shared by all lines of a run. */
export interface Stage {
  target: Target;
  levers: Levers;
  http: Http;
  /** The server believes what this machine says about its clients' addresses. */
  trusted: boolean;
  /** Deleted when the run is over. */
  slugs: string[];
  /** Two tenants with every setting as it is by default; made when first asked for. */
  plain: Promise<AttackTenant>[];
  /** What lines opened for those after them. */
  closing: (() => Promise<unknown>)[];
}

/** Not on any list of leaked passwords; a new one each time. */
export const newPassword = () => `Ground-${randomBytes(9).toString('base64url')}-words`;
export const newEmail = (name = 'user') => `${name}-${randomBytes(6).toString('hex')}@attack.example`;

/** Coins, mails and sessions may take this long on a slow machine, in milliseconds. */
const waitMsMax = 15_000;
const pollMs = 25;

export class Ground {
  readonly stage: Stage;
  /** Why parts of the line could not be shown. */
  readonly unshown: string[] = [];

  constructor(stage: Stage) {
    this.stage = stage;
  }

  get levers(): Levers {
    return this.stage.levers;
  }

  send(method: string, path: string, options: SendOptions = {}): Promise<Answer> {
    return this.stage.http.send(method, path, options);
  }

  operator(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.send(method, path, { as: this.stage.target.operatorToken, body });
  }

  /** One of the two tenants with default settings, which lines share and never change. */
  plainTenant(which: 0 | 1 = 0): Promise<AttackTenant> {
    this.stage.plain[which] ??= this.newTenant();
    return this.stage.plain[which] as Promise<AttackTenant>;
  }

  /** A tenant for this line alone. */
  async newTenant(settings: object = {}): Promise<AttackTenant> {
    const slug = `attack-${randomBytes(6).toString('hex')}`;
    const answer = await this.operator('POST', '/operator/tenants', { slug, name: 'Attack', settings });
    expectAnswer('a tenant to attack is made', answer, 201);
    this.stage.slugs.push(slug);
    return { slug, secretKey: answer.body.secretKey };
  }

  /** Registers and, where the tenant lets users in at once, logs in. */
  async newUser(
    tenant: AttackTenant,
    given: { email?: string; password?: string } = {},
  ): Promise<AttackUser> {
    const email = given.email ?? newEmail();
    const password = given.password ?? newPassword();
    const answer = await this.register(tenant, { email, password });
    expectAnswer('a user to attack registers', answer, 201);
    const { user, accessToken: token, refreshToken } = answer.body;
    return { id: user.id, email, password, token, refreshToken };
  }

  register(tenant: AttackTenant, body: unknown, options: SendOptions = {}): Promise<Answer> {
    return this.send('POST', '/register', { tenant: tenant.slug, body, ...options });
  }

  login(tenant: AttackTenant, body: unknown, options: SendOptions = {}): Promise<Answer> {
    return this.send('POST', '/login', { tenant: tenant.slug, body, ...options });
  }

  profile(token: string, options: SendOptions = {}): Promise<Answer> {
    return this.send('GET', '/profile', { as: token, ...options });
  }

  refresh(refreshToken: string): Promise<Answer> {
    return this.send('POST', '/token/refresh', { body: { refreshToken } });
  }

  spend(token: string, body: object, options: SendOptions = {}): Promise<Answer> {
    return this.send('POST', '/wallet/spend', { as: token, key: randomUUID(), wait: 10, body, ...options });
  }

  async grant(tenant: AttackTenant, userId: string, amount: number): Promise<void> {
    const answer = await this.send('POST', '/wallet/grant', {
      as: tenant.secretKey,
      key: randomUUID(),
      wait: 10,
      body: { userId, amount },
    });
    expectAnswer('coins are granted', answer, 201);
  }

  async balance(token: string): Promise<number> {
    const answer = await this.send('GET', '/wallet/balance', { as: token });
    expectAnswer('the balance is read', answer, 200);
    return answer.body.balance;
  }

  /** An address that no client had before; undefined where the server would not believe it. */
  newAddress(): string | undefined {
    if (!this.stage.trusted) return undefined;
    // 198.18.0.0/15 is for measurements between machines of one's own (RFC 2544).
    const [a, b, c] = randomBytes(3);
    return `198.${18 + (Number(a) % 2)}.${b}.${1 + (Number(c) % 254)}`;
  }

  has(lever: LeverName): boolean {
    const { secondUrl, providerPort, facebookPort, ...named } = this.levers;
    const given = { ...named, second: secondUrl, provider: providerPort, facebook: facebookPort };
    return lever === 'addresses' ? this.stage.trusted : given[lever] !== undefined;
  }

  /** Runs a part that needs a lever; without it the line is shown in part only. */
  async part<T>(lever: LeverName, work: () => Promise<T>): Promise<T | undefined> {
    if (this.has(lever)) return work();
    this.unshown.push(leverReasons[lever]);
    return undefined;
  }

  get database(): DatabaseLever {
    return this.#lever('database', this.levers.database);
  }

  get mailbox(): Mailbox {
    return this.#lever('mails', this.levers.mails);
  }

  get secondUrl(): string {
    return this.#lever('second', this.levers.secondUrl);
  }

  #lever<T>(name: LeverName, given: T | undefined): T {
    if (given === undefined) throw new NotShown(leverReasons[name]);
    return given;
  }

  /** Waits for a mail to this address that fits. @throws NotShown when none comes */
  async mail(address: string, what: string, fits: (mail: Mail) => boolean): Promise<Mail> {
    const found = await this.poll(async () => (await this.mailbox.mailsTo(address)).findLast(fits));
    if (found) return found;
    const subjects = (await this.mailbox.mailsTo(address)).map(({ subject }) => subject);
    throw new Error(`no mail came: ${what}; to ${address} there are: ${subjects.join(', ') || 'none'}`);
  }

  /** Asks until there is something; undefined when the time is over. */
  async poll<T>(probe: () => Promise<T | undefined | false>, msMax = waitMsMax): Promise<T | undefined> {
    const end = performance.now() + msMax;
    for (;;) {
      const found = await probe();
      if (found || performance.now() > end) return found || undefined;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}
