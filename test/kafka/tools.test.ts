import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  consoleConsumerCommand,
  consoleProducerCommand,
  formatCommand,
  serverCommand,
} from '../../src/kafka/tools.ts';
import { InvariantError } from '../../src/model/errors.ts';

const java = { java: 'java', libsDir: '/k/libs', log4j2Path: '/s/log4j2.properties' };
const format = {
  ...java,
  propertiesPath: '/s/server.properties',
  clusterId: 'aaaaaaaaaaaaaaaaaaaaaQ',
  initialVoters: [
    { nodeId: 0, host: 'a', port: 9093, directoryId: 'JEXY6aqzQY-32P5TStzaFg' },
    { nodeId: 1, host: '::1', port: 9094, directoryId: 'MvDxzVmcRsaTz33bUuRU6A' },
  ],
};

test('the first format names all voters', () => {
  const argv = formatCommand({ ...format, mode: 'form' });
  assert.equal(argv.slice(argv.indexOf('-cp')), [
    '-cp',
    '/k/libs/*',
    'kafka.tools.StorageTool',
    'format',
    '--config',
    '/s/server.properties',
    '--cluster-id',
    'aaaaaaaaaaaaaaaaaaaaaQ',
    '--ignore-formatted',
    '--initial-controllers',
    '0@a:9093:JEXY6aqzQY-32P5TStzaFg,1@[::1]:9094:MvDxzVmcRsaTz33bUuRU6A',
  ]);
});

test('joining names none', () => {
  const argv = formatCommand({ ...format, mode: 'join' });
  assert.is(argv.at(-1), '--no-initial-controllers');
  assert.not.ok(argv.includes('--initial-controllers'));
});

test('a cluster id that the tool would swallow is refused', () => {
  assert.throws(
    () => formatCommand({ ...format, clusterId: 'short', mode: 'form' }),
    (error: unknown) => error instanceof InvariantError,
  );
});

test('the server gets its heap, and one collector only', () => {
  const input = { ...java, propertiesPath: '/s/server.properties', heapMiB: 256, jvmOptions: ['-Dx=y'] };
  const argv = serverCommand(input);
  assert.equal(argv.slice(-2), ['kafka.Kafka', '/s/server.properties']);
  assert.ok(argv.includes('-Xmx256m') && argv.includes('-Dx=y') && argv.includes('-XX:+UseSerialGC'));
  const collectors = serverCommand({ ...input, heapMiB: 4096, jvmOptions: ['-XX:+UseZGC'] }).filter(
    (option) => /Use\w+GC$/.test(option),
  );
  assert.equal(collectors, ['-XX:+UseZGC']);
});

test('console clients', () => {
  const input = { ...java, bootstrap: ['a:1', 'b:2'], topic: 't' };
  assert.ok(
    consoleProducerCommand(input)
      .join(' ')
      .endsWith('--bootstrap-server a:1,b:2 --topic t --command-property acks=all'),
  );
  assert.ok(
    consoleConsumerCommand({ ...input, maxMessages: 5, timeoutMs: 1000 })
      .join(' ')
      .endsWith('--topic t --from-beginning --max-messages 5 --timeout-ms 1000'),
  );
});

test.run();
