// Stands in for a Kafka broker: listens where it would, answers ApiVersions once "unfenced", writes
// the log lines the executor reads, and stops on SIGTERM. Settings come by its environment:
//   STUB_LISTEN=host:port,…  STUB_START_MS  STUB_STOP_MS  STUB_IGNORE_TERM=1  STUB_RECOVER=n
//   STUB_RECOVER_HANGS=1 (the recovery begins and does not move)  STUB_LINES_FILE (once it is there, it is
//   said line by line, and ends the process if its last line is `exit N`)
//   STUB_EXIT_CODE (exits instead of serving)  STUB_SILENT_FILE (while it exists nobody is answered)
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const env = process.env;
const number = (name) => Number(env[name] ?? 0);
const say = (logger, message) =>
  process.stdout.write(`[${new Date().toISOString()}] INFO ${message} (${logger})\n`);

process.on('SIGTERM', () => {
  say('kafka.server.KafkaRaftServer', 'stop requested');
  if (env.STUB_IGNORE_TERM === '1') return;
  setTimeout(() => process.exit(143), number('STUB_STOP_MS'));
});
if (env.STUB_DATA) mkdirSync(`${env.STUB_DATA}/stub-topic-0`, { recursive: true });

const recover = number('STUB_RECOVER');
if (recover > 0) {
  say(
    'LogManager',
    `Recovering ${recover} logs from ${env.STUB_DATA} since no clean shutdown file was found`,
  );
  for (let done = 1; done <= recover && env.STUB_RECOVER_HANGS !== '1'; done++) {
    say(
      'LogManager',
      `Completed load of Log(stub-${done}) in 1ms (${done}/${recover} completed in ${env.STUB_DATA})`,
    );
  }
  if (env.STUB_RECOVER_HANGS !== '1') say('LogManager', `Loaded ${recover} logs in 5ms`);
}
if (env.STUB_LINES_FILE) {
  const poll = setInterval(() => {
    if (!existsSync(env.STUB_LINES_FILE)) return;
    clearInterval(poll);
    const text = readFileSync(env.STUB_LINES_FILE, 'utf8');
    const exit = /^exit (\d+)\n$/m.exec(text);
    process.stdout.write(text.replace(/^exit \d+\n$/m, ''), () => exit && process.exit(Number(exit[1])));
  }, 20);
}
say('BrokerLifecycleManager', 'Successfully registered broker 0 with broker epoch 5');
setTimeout(() => {
  if (env.STUB_EXIT_CODE !== undefined) {
    process.stderr.write('ERROR Exiting Kafka due to fatal exception: the stub was told so\n');
    process.exit(number('STUB_EXIT_CODE'));
  }
  for (const place of (env.STUB_LISTEN ?? '').split(',').filter(Boolean)) listen(place);
  say('kafka.server.KafkaRaftServer', '[KafkaRaftServer nodeId=0] Kafka Server started');
}, number('STUB_START_MS'));

function listen(place) {
  const at = place.lastIndexOf(':');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (request) => {
      if (env.STUB_SILENT_FILE && existsSync(env.STUB_SILENT_FILE)) return;
      const answer = Buffer.alloc(14);
      answer.writeInt32BE(10, 0);
      request.copy(answer, 4, 8, 12);
      socket.write(answer);
    });
  });
  server.on('error', (error) => {
    process.stderr.write(`ERROR cannot bind ${place}: ${error.message}\n`);
    process.exit(1);
  });
  server.listen(Number(place.slice(at + 1)), place.slice(0, at) || '127.0.0.1');
}
