import { tmpdir } from 'node:os';

/** Where tests that start processes make their folders: run.mjs ends what still runs in there when a file broke off. */
export const testFolder: string = process.env.KAFKA_MESOS_TEST_FOLDER ?? tmpdir();
