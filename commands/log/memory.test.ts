import { logContract } from './contract.js';
import { memoryLog } from './memory.js';

logContract('memory', false, async () => {
  const log = memoryLog({ partitions: 4, id: '01980000-0000-7000-8000-000000000001' });
  return { log, close: () => log.close(), reopen: async () => log };
});
