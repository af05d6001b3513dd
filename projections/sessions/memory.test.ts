import { sessionsContract } from './contract.js';
import { memorySessions } from './memory.js';

sessionsContract('memory', async () => memorySessions());
