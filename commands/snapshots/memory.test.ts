import { beforeEach } from 'vitest';
import { snapshotsContract } from './contract.js';
import { type Shelf, memorySnapshots } from './memory.js';

let shelf: Shelf;
beforeEach(() => {
  shelf = new Map();
});

snapshotsContract((state) => memorySnapshots(state, shelf));
