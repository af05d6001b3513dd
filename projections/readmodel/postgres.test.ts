import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { dbContract } from './contract.js';
import { type PostgresDb, openPostgres } from './postgres.js';
import { onServer, ownDatabase } from './postgres-testing.js';

describeWith('DATABASE_URL', 'Postgres', (server) => {
  let url: string;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    ({ url, drop } = await ownDatabase(server));
  });
  afterAll(() => drop());
  const open = (): Promise<PostgresDb> => openPostgres({ url, pool: 4 });

  dbContract('Postgres', open, open);
});
