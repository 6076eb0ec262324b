// A connection that is lost is told of, and one that is closed is not.
import pg from 'pg';
import { expect, test } from 'vitest';
import { tellingLosses } from '#shared/db/lost-connections.ts';
import { cloneDatabase } from '#tests/support/database.ts';
import { until } from '#tests/support/until.ts';

test('an idle connection that the server ends is told of, until its pool is closed', async () => {
  const database = await cloneDatabase('lost');
  const told: string[] = [];
  const log = { warn: (_: unknown, text: string) => void told.push(text) } as Parameters<
    typeof tellingLosses
  >[1];
  const pool = tellingLosses(new pg.Pool({ connectionString: database.url }), log, 'database');
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  try {
    const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    await other.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await until('it to be told', () => told.length > 0);
    expect(told).toEqual(['an idle database connection was lost']);
    // A pool whose connections are gone makes new ones.
    await pool.query('select 1');
    const ended = pool.end();
    pool.emit('error', new Error('terminating connection due to administrator command'));
    await ended;
    expect(told).toHaveLength(1);
  } finally {
    await other.end();
    await database.drop();
  }
});
