/** The real executor with a stub broker, for tests of the whole line without Kafka. */
import { runAsProcess } from '../../src/executor/run-process.ts';
import { createStubPrograms } from './stub-programs.ts';

await runAsProcess(createStubPrograms);
