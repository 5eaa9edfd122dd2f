import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Command } from 'commander';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { addServiceCommands } from '../../src/cli/program-services.ts';
import { applySchedulerConfig } from '../../src/cli/scheduler-config.ts';
import { SpecError } from '../../src/model/errors.ts';
import { runCli, withHome } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'kafka-mesos-config-'));
const path = join(folder, 'scheduler.yaml');

/** The scheduler's options as the command line `args` and then the file `text` give them. */
async function read(text: string, args: readonly string[] = []): Promise<Record<string, unknown>> {
  writeFileSync(path, text);
  const program = new Command('kafka-mesos');
  addServiceCommands(program, undefined as never, async () => {});
  const command = program.commands.find((one) => one.name() === 'scheduler');
  assert.ok(command);
  command?.action(() => {});
  await program.parseAsync(['scheduler', ...args], { from: 'user' });
  await applySchedulerConfig(command as Command, path);
  return (command as Command).opts();
}

async function problemsOf(text: string): Promise<readonly string[]> {
  const error = await read(text).then(
    (options) => assert.unreachable(`it was taken: ${JSON.stringify(options)}`),
    (reason: unknown) => reason,
  );
  assert.instance(error, SpecError);
  return (error as SpecError).message.split('\n').map((line) => line.replace(`${path}:`, ''));
}

test('a file says what the command line would; the command line wins', async () => {
  const text = `
# Production
master: zk://zk1,zk2/mesos
store: zk://zk1,zk2/kafka-mesos
artifactListen: 10.0.0.5:7080
failoverTimeout: 7d
sessionTimeout: 5s
role: kafka-prod
secretFile: /etc/kafka-mesos/secret
agentNode: [/opt/node-x64, linux-arm64=/opt/node-arm64]
`;
  const options = await read(text, ['--role', 'other', '--session-timeout', '20s']);
  assert.is(options.master, 'zk://zk1,zk2/mesos');
  assert.equal(options.artifactListen, { host: '10.0.0.5', port: 7080 });
  assert.is(options.failoverTimeout, 7 * 86_400_000);
  assert.is(options.secretFile, '/etc/kafka-mesos/secret');
  assert.equal(options.agentNode, ['/opt/node-x64', 'linux-arm64=/opt/node-arm64']);
  assert.is(options.role, 'other');
  assert.is(options.sessionTimeout, 20_000);
  assert.is(options.principal, 'kafka-mesos', 'what nobody says has its default');
  assert.is((await read('')).role, 'kafka');
});

test('every mistake is named with its place, all at once', async () => {
  const problems = await problemsOf(`master: m:5050
masster: m:5050
artifact-listen: 10.0.0.5:7080
artifactListen: nowhere
logLevel: loud
role: [a, b]
secret: hunter2
recover: true
`);
  assert.match(problems[0] ?? '', /^2:1: there is no option "masster"; there are .*artifactListen/);
  assert.is(problems[1], '3:1: write artifactListen instead of artifact-listen');
  assert.match(problems[2] ?? '', /^4:17: artifactListen: Write it as/);
  assert.match(problems[3] ?? '', /^5:11: logLevel: Allowed choices are debug, info, warn, error/);
  assert.match(problems[4] ?? '', /^6:1: role wants one value/);
  assert.match(problems[5] ?? '', /^7:1: secret does not belong into this file/);
  assert.match(problems[6] ?? '', /^8:1: there is no option "recover"/);
  assert.is(problems.length, 7);
  assert.not.match(problems.join(), 'hunter2');
});

test('the examples for production are what the scheduler takes', async () => {
  const example = (name: string) =>
    readFileSync(new URL(`../../examples/production/${name}`, import.meta.url), 'utf8');
  const options = await read(example('scheduler.yaml'));
  assert.is(options.store, 'zk://zk1:2181,zk2:2181,zk3:2181/kafka-mesos');
  assert.is(options.tokenFile, '/etc/kafka-mesos/token');
  const unit = unitValues(example('kafka-mesos-scheduler.service'));
  const app = JSON.parse(example('marathon.json')) as {
    readonly cmd: string;
    readonly user: string;
    readonly env: Readonly<Record<string, string>>;
    readonly portDefinitions: readonly { readonly name: string }[];
  };
  // Marathon's variables: $HOST, and for each port $PORT_ and its name in capitals (EnvironmentHelper.scala).
  const ports = app.portDefinitions.map(({ name }) => `$PORT_${name.toUpperCase()}`);
  assert.equal([...new Set(app.cmd.match(/\$\w+/g))].sort(), ['$HOST', ...ports]);
  for (const command of [unit('ExecStart').at(-1), app.cmd]) {
    const line = /^(?:exec )?\/opt\/kafka-mesos\/bin\/kafka-mesos scheduler (.*)$/.exec(command ?? '')?.[1];
    assert.ok(line, command);
    const args = (line ?? '').replaceAll(ports[0] ?? '', '7080').split(' ');
    const given = await read(example('scheduler.yaml'), args);
    assert.is(given.config, '/etc/kafka-mesos/scheduler.yaml');
    assert.equal(given.artifactListen, { host: '0.0.0.0', port: 7080 });
    assert.match(String(given.artifactUrl), /^http:\/\/(%H|\$HOST):7080$/);
  }
  assert.equal(
    unit('Environment').sort(),
    Object.entries(app.env).map(([name, value]) => `${name}=${value}`),
  );
  assert.equal([unit('User'), unit('StateDirectory')], [[app.user], ['kafka-mesos']]);
  assert.is(app.env.KAFKA_MESOS_HOME, '/var/lib/kafka-mesos');
  // Whatever a person has to mend first, and nothing else: 75 above all is started again, however often.
  assert.equal(unit('RestartPreventExitStatus'), [
    `${exitCodes.usage} ${exitCodes.frameworkRemoved} ${exitCodes.badConfig}`,
  ]);
  assert.equal([unit('Restart'), unit('StartLimitIntervalSec')], [['always'], ['0']]);
});

/** All values of a key in a unit for systemd. */
function unitValues(text: string): (key: string) => string[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  return (key) =>
    lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
}

test('the schema takes what the reader takes, and has a word on every option', async () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../schema/scheduler-config.schema.json', import.meta.url), 'utf8'),
  ) as { readonly properties: Readonly<Record<string, { readonly description: string }>> };
  const check = new Ajv2020({ strict: true }).compile(schema);
  for (const [name, { description }] of Object.entries(schema.properties)) {
    assert.ok(description.length > 8, name);
    assert.not.match(
      name,
      /^(config|registerAnew|recover|file|frameworkId|confirm)$/,
      'it says something of one run only',
    );
  }
  const production = readFileSync(
    new URL('../../examples/production/scheduler.yaml', import.meta.url),
    'utf8',
  );
  const texts = [
    production,
    'listen: "[::1]:7090"',
    'listen: :7090',
    'agentNode: /opt/node',
    'agentNode: [a, b]',
    'failoverTimeout: 1w2d',
    'logLevel: debug',
    'masster: x',
    'logLevel: loud',
    'sessionTimeout: soon',
    'sessionTimeout: 10',
    'listen: nowhere',
    'allowPlainHttp: true',
    'allowPlainHttp: "yes"',
    'role: [a, b]',
    'recover: true',
    'secret: hunter2',
  ];
  const verdicts: boolean[] = [];
  for (const text of texts) {
    const isRead = await read(text).then(
      () => true,
      () => false,
    );
    assert.is(check(parse(text)), isRead, text);
    verdicts.push(isRead);
  }
  assert.is(verdicts.filter((v) => v).length, 8);
});

test('a value that can be read and not be used is told with its place: 78, all at once', () =>
  withHome(async (home) => {
    const file = join(home.directory, 'scheduler.yaml');
    writeFileSync(
      file,
      `master: zk://kafka:hunter2@zk1/mesos
store: etcd://e1/x
listen: 10.0.0.5:7090
sessionTimeout: 1s
failoverTimeout: 90d
artifactUrl: ftp://mirror
`,
    );
    const run = await runCli(['scheduler', '--config', file], { home });
    assert.is(run.exitCode, exitCodes.badConfig, run.stderr);
    assert.is(exitCodes.badConfig, 78);
    for (const line of [
      'scheduler.yaml:1:9: master: carries a password',
      'scheduler.yaml:2:8: store: is of a kind that is not known',
      'scheduler.yaml:3:9: listen: 10.0.0.5 is not on loopback',
      'scheduler.yaml:4:17: sessionTimeout: must be from 2s to 60s',
      'scheduler.yaml:5:18: failoverTimeout: must be from 1d to 60d',
      'scheduler.yaml:6:14: artifactUrl: ftp://mirror is neither',
    ]) {
      assert.ok(run.stderr.includes(line), `${line}\n${run.stderr}`);
    }
    assert.match(run.stderr, '→');
    assert.not.match(run.stderr, 'hunter2');
    assert.not.match(run.stderr, '--listen');
    // What nobody could connect to has its place too.
    writeFileSync(file, 'master: zk://zk1:2181\nstore: zk://kafka:hunter2@zk1:x/kafka-mesos\n');
    const malformed = await runCli(['scheduler', '--config', file], { home });
    assert.is(malformed.exitCode, exitCodes.badConfig, malformed.stderr);
    assert.match(
      malformed.stderr,
      'scheduler.yaml:1:9: master: zk://zk1:2181 cannot be used: it names no path',
    );
    assert.match(malformed.stderr, /scheduler.yaml:2:8: store: \S+ cannot be used: "zk1:x" is no host:port/);
    assert.not.match(malformed.stderr, 'hunter2');
    // Every address is none to fetch from, unless another one is named.
    writeFileSync(file, 'master: m:5050\nartifactListen: 0.0.0.0:7080\nlisten: 10.0.0.5:7090\n');
    const anywhere = await runCli(['scheduler', '--config', file], { home });
    assert.match(anywhere.stderr, 'scheduler.yaml:2:17: artifactListen: 0.0.0.0 is every address');
    const named = ['--artifact-url', 'http://zk1:7080'];
    const elsewhere = await runCli(['scheduler', '--config', file, ...named], { home });
    assert.not.match(elsewhere.stderr, 'artifactListen');
    // What the command line says is its own mistake, whatever the file says.
    writeFileSync(file, 'master: m:5050\nlisten: 10.0.0.5:7090\n');
    const usage = await runCli(['scheduler', '--config', file, '--listen', '10.0.0.6:1'], { home });
    assert.is(usage.exitCode, exitCodes.usage, usage.stderr);
    assert.match(usage.stderr, '--listen 10.0.0.6 is not on loopback');
  }));

test('what is no map of options is refused', async () => {
  assert.match((await problemsOf('- a'))[0] ?? '', '1:1: it is not a map');
  assert.match((await problemsOf('a: b: c'))[0] ?? '', /^1:\d+: /);
  assert.match((await problemsOf('role: a\nrole: b'))[0] ?? '', /^2:1: .*unique/);
  await read('').then(() => rmSync(path));
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
