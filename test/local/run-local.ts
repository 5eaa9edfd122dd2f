/** `run-local.ts HOME`: the embedded Mesos of that home in this process, on free ports. */
import { runLocalMesos } from '../../src/local/main.ts';

await runLocalMesos(process.argv[2] ?? '', { port: 0 });
