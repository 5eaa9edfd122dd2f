import { test } from 'uvu';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { testStoreConformance } from './conformance.ts';

testStoreConformance({
  name: 'memory store',
  manyWriters: true,
  runs: 300,
  async create() {
    const backend = createMemoryStoreBackend();
    return { connect: async () => backend.connect(), dispose: async () => {} };
  },
});

test.run();
