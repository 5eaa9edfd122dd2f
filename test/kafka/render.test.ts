import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { escapeKey, escapeValue, renderProperties } from '../../src/kafka/properties.ts';
import {
  checkConfig,
  renderLog4j2,
  renderServerProperties,
  type ServerPropertiesInput,
} from '../../src/kafka/render.ts';
import { classifyConfigChange } from '../../src/model/config-keys.ts';
import { SpecError } from '../../src/model/errors.ts';
import type { LaunchListener } from '../../src/model/launch.ts';
import { ownedConfig } from '../../src/model/owned-config.ts';
import { anyText } from '../any-text.ts';

const client: LaunchListener = {
  name: 'PLAINTEXT',
  protocol: 'PLAINTEXT',
  bindHost: '0.0.0.0',
  port: 31000,
  advertisedHost: 'broker-0.example.com',
  advertisedPort: 31000,
};
const controller: LaunchListener = {
  name: 'CONTROLLER',
  protocol: 'PLAINTEXT',
  bindHost: '0.0.0.0',
  port: 31001,
  advertisedHost: 'broker-0.example.com',
  advertisedPort: 31001,
};
const combined: ServerPropertiesInput = {
  launch: {
    nodeId: 0,
    roles: ['controller', 'broker'],
    listeners: [client],
    controllerListener: controller,
    bootstrapControllers: ['broker-0.example.com:31001', 'broker-1.example.com:31001'],
    rack: 'rack-a',
    config: { 'num.io.threads': '4', 'auto.create.topics.enable': 'false' },
    heapMiB: 2048,
  },
  logDirs: ['/var/lib/data-0/log', '/var/lib/data-1/log'],
};

test('a combined node, as golden text', () => {
  assert.is(
    renderServerProperties(combined),
    `# Made by kafka-mesos at every start; changes here are lost.
process.roles=broker,controller
node.id=0
controller.quorum.bootstrap.servers=broker-0.example.com:31001,broker-1.example.com:31001
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://0.0.0.0:31000,CONTROLLER://0.0.0.0:31001
advertised.listeners=PLAINTEXT://broker-0.example.com:31000,CONTROLLER://broker-0.example.com:31001
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=/var/lib/data-0/log,/var/lib/data-1/log
metadata.log.dir=/var/lib/data-0/log
broker.rack=rack-a
auto.create.topics.enable=false
num.io.threads=4
`,
  );
});

test('a broker of its own knows the controllers by name and protocol and binds none', () => {
  const { controllerListener: _none, rack: _rack, ...rest } = combined.launch;
  const second = { ...client, name: 'OUTSIDE', port: 31002, bindHost: '::1', advertisedHost: '2001:db8::1' };
  const text = renderServerProperties({
    launch: { ...rest, roles: ['broker'], listeners: [client, second], config: {} },
    logDirs: ['/data'],
  });
  assert.match(text, 'process.roles=broker\n');
  assert.match(text, 'controller.listener.names=CONTROLLER\n');
  assert.match(text, 'listeners=PLAINTEXT://0.0.0.0:31000,OUTSIDE://[::1]:31002\n');
  assert.match(
    text,
    'advertised.listeners=PLAINTEXT://broker-0.example.com:31000,OUTSIDE://[2001:db8::1]:31000\n',
  );
  assert.match(
    text,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT\n',
  );
  assert.not.match(text, 'broker.rack');
  assert.not.match(text, 'voters');
});

test('a controller of its own has no client listener', () => {
  const text = renderServerProperties({
    ...combined,
    launch: { ...combined.launch, roles: ['controller'], listeners: [] },
  });
  assert.match(text, 'listeners=CONTROLLER://0.0.0.0:31001\n');
  assert.not.match(text, 'inter.broker');
});

test('the order of declared settings changes nothing', () => {
  const { config } = combined.launch;
  const reversed = Object.fromEntries(Object.entries(config).reverse());
  assert.is(
    renderServerProperties({ ...combined, launch: { ...combined.launch, config: reversed } }),
    renderServerProperties(combined),
  );
});

test('a small heap gets a cleaner buffer that fits, unless one is declared', () => {
  const small = { ...combined.launch, heapMiB: 256 };
  const key = 'log.cleaner.dedupe.buffer.size';
  assert.match(renderServerProperties({ ...combined, launch: small }), `${key}=33554432\n`);
  const declared = { ...small, config: { [key]: '1' } };
  const text = renderServerProperties({ ...combined, launch: declared });
  assert.is(text.split(key).length, 2);
  assert.match(text, `${key}=1\n`);
});

test('every setting of ours is refused, with the field that says it', () => {
  for (const [key, field] of Object.entries(ownedConfig)) {
    const [problem, ...more] = checkConfig({ [key]: 'x', 'num.io.threads': '8' });
    assert.is(more.length, 0);
    assert.is(problem?.key, key);
    assert.match(problem?.remedy ?? '', field);
    // What is rendered must not be declared as well: Kafka takes whichever comes last.
    assert.throws(
      () => renderServerProperties({ ...combined, launch: { ...combined.launch, config: { [key]: 'x' } } }),
      (error: unknown) => error instanceof SpecError && error.message.includes(key),
    );
  }
  for (const key of ['broker.id', 'controller.quorum.voters', 'log.dir', 'security.inter.broker.protocol']) {
    assert.is(checkConfig({ [key]: 'x' }).length, 1);
  }
  const rendered = renderServerProperties(combined).split('\n').slice(1, 12);
  for (const line of rendered) assert.ok(Object.hasOwn(ownedConfig, line.split('=')[0] ?? ''), line);
});

test('prototype names and names with separators are no settings', () => {
  assert.is(checkConfig({ toString: 'x' }).length, 0);
  assert.is(checkConfig({ 'a=b': 'x', 'a b': 'x', '': 'x', 'a\nnode.id': 'x' }).length, 4);
});

test('log directories that Kafka would read otherwise are refused', () => {
  for (const path of ['relative', '/a,b', '/a ', '']) {
    assert.throws(
      () => renderServerProperties({ ...combined, logDirs: [path] }),
      (error: unknown) => error instanceof SpecError,
    );
  }
});

test('escaping follows java.util.Properties', () => {
  assert.is(escapeKey('a b:c=d#e!f'), 'a\\ b\\:c\\=d\\#e\\!f');
  assert.is(escapeValue(' one'), '\\ one');
  assert.is(escapeValue('  two  spaces '), '\\ \\ two  spaces ');
  assert.is(escapeValue('C:\\dir\nnode.id=9'), 'C:\\\\dir\\nnode.id=9');
  assert.is(escapeValue('Grüße 😀\u0000'), 'Gr\\u00fc\\u00dfe \\ud83d\\ude00\\u0000');
});

test('any key and value come back through the reading rules', () => {
  const text = anyText(30);
  fc.assert(
    fc.property(text, text, (key, value) => {
      const line = renderProperties([[key, value]]);
      assert.is(line.indexOf('\n'), line.length - 1);
      assert.equal(readProperty(line.slice(0, -1)), [key, value]);
    }),
    { numRuns: 500 },
  );
});

/** One logical line by the grammar of java.util.Properties.load, written for this test only. */
function readProperty(line: string): [string, string] {
  const decode = (raw: string) =>
    raw.replace(/\\(u([0-9a-f]{4})|.)/g, (_all, code: string, hex?: string) =>
      hex === undefined
        ? ({ n: '\n', r: '\r', t: '\t', f: '\f' }[code] ?? code)
        : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  const match = /^[ \t\f]*((?:\\.|[^\\ \t\f:=])*)[ \t\f]*[=:]?[ \t\f]*(.*)$/.exec(line);
  return [decode(match?.[1] ?? ''), decode(match?.[2] ?? '')];
}

test('log4j2: levels by logger, root among them', () => {
  assert.is(
    renderLog4j2({ loggers: { 'kafka.controller': 'debug', root: 'DEBUG' } }),
    `status=warn
appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=DEBUG
rootLogger.appenderRef.stdout.ref=STDOUT
logger.0.name=kafka.controller
logger.0.level=DEBUG
`,
  );
  for (const loggers of [{ kafka: 'loud' }, { [`a${'$'}{env:X}`]: 'INFO' }]) {
    assert.throws(
      () => renderLog4j2({ loggers }),
      (error: unknown) => error instanceof SpecError,
    );
  }
});

test('log4j2: what the executor reads is never quieter than INFO', () => {
  const levels = (loggers: Record<string, string>) => {
    const text = renderLog4j2({ loggers });
    return Object.fromEntries(
      [...text.matchAll(/^logger\.(\d+)\.name=(.*)\nlogger\.\1\.level=(.*)$/gm)].map(([, , name, level]) => [
        name?.split('.').at(-1),
        level,
      ]),
    );
  };
  const raised = {
    BrokerLifecycleManager: 'INFO',
    KafkaRaftServer: 'INFO',
    LogDirFailureChannel: 'INFO',
    LogLoader: 'INFO',
    LogManager: 'INFO',
  };
  assert.equal(levels({ root: 'WARN' }), raised);
  assert.equal(levels({ 'org.apache.kafka': 'OFF', kafka: 'error' }), { ...raised, kafka: 'OFF' });
  assert.equal(levels({ root: 'WARN', kafka: 'DEBUG', 'org.apache.kafka.storage': 'INFO' }), {
    BrokerLifecycleManager: 'INFO',
    kafka: 'DEBUG',
    storage: 'INFO',
  });
  assert.equal(levels({ 'kafka.log.LogManager': 'WARN' }), { LogManager: 'INFO' });
  assert.equal(levels({ root: 'TRACE' }), {});
});

test('how settings can be changed', () => {
  assert.is(classifyConfigChange('log.retention.ms'), 'cluster-wide');
  assert.is(classifyConfigChange('log.retention.hours'), 'read-only');
  assert.is(classifyConfigChange('ssl.keystore.location'), 'per-broker');
  assert.is(classifyConfigChange('listener.name.outside.ssl.keystore.location'), 'per-broker');
  assert.is(classifyConfigChange('listener.name.a.scram-sha-512.sasl.jaas.config'), 'per-broker');
  assert.is(classifyConfigChange('listener.name.a.connections.max.reauth.ms'), 'read-only');
  assert.is(classifyConfigChange('no.such.setting'), 'read-only');
});

test.run();
