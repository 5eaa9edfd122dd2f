/** The executor as Mesos starts it: `./node kafka-mesos-executor.mjs` in the sandbox of one broker. */
import { systemClock } from '../sys/clock.ts';
import { createKafkaPrograms } from './kafka-programs.ts';
import { runAsProcess } from './run-process.ts';

await runAsProcess((launch, place) =>
  createKafkaPrograms(launch, place, { clock: systemClock, env: process.env }),
);
