import { type Copy, DbError, type Tx } from './readmodel/db.js';

type Step = (tx: Tx) => Promise<unknown>;

/** Takes down what is to be written, to be done later, with COPY or without. */
export function createGatherer(copies: boolean) {
  const steps: Step[] = [];
  let hasCopied = false;
  const copy: Copy = async (...asked) => {
    hasCopied = true;
    steps.push(async (tx) => {
      if (!tx.copy) throw new DbError('DB_STATEMENT', 'This transaction cannot copy.');
      await tx.copy(...asked);
    });
  };
  const write: Tx = {
    query: async (sql, params) => {
      steps.push((tx) => tx.query(sql, params));
      return { rows: [], count: 0 };
    },
    ...(copies && { copy }),
  };
  return { steps, write, hasCopied: () => hasCopied };
}
