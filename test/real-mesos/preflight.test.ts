/** What is decided before a real Mesos is touched, and how a run tells what it did. */
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fillHook } from './hooks.ts';
import type { Agent, Resource } from './operator.ts';
import { addressOf, agentUrl, serviceHostOf } from './operator.ts';
import { isNewEnough, judgeAgents } from './preflight.ts';
import { createReport, Failure } from './report.ts';
import { readSettings } from './settings.ts';

const test = suite('what npm run test:mesos decides by itself');

const scalar = (name: string, value: number, more: Partial<Resource> = {}): Resource => ({
  name,
  scalar: { value },
  role: '*',
  ...more,
});
const reservedFor = (role: string, type: string): Partial<Resource> => ({
  role,
  reservations: [{ role, type }],
});

/** As a real master lists it: every agent with the same ports, at an address of its own. */
function agent(n: number, resources?: readonly Resource[], more: Partial<Agent> = {}): Agent {
  return {
    agent_info: { id: { value: `S${n}` }, hostname: `host-${n}`, port: 5051 },
    active: true,
    pid: `slave(1)@10.0.0.${n}:5151`,
    total_resources: resources ?? [
      scalar('cpus', 4),
      scalar('mem', 4096),
      scalar('disk', 20_000),
      { name: 'ports', role: '*', ranges: { range: [{ begin: 31_000, end: 32_000 }] } },
    ],
    ...more,
  };
}

test('three agents with room, equal ports and names that are no addresses will do', () => {
  assert.is(judgeAgents([agent(1), agent(2), agent(3)], 'kafka'), undefined);
  assert.is(addressOf(agent(1)), '10.0.0.1');
  assert.is(agentUrl(agent(1)), 'http://10.0.0.1:5151');
  assert.is(serviceHostOf(agent(1)), 'host-1');
});

test('who cannot be used is named, with what is missing', () => {
  const noPorts = agent(3, [scalar('cpus', 4), scalar('mem', 4096), scalar('disk', 20_000)]);
  const inUse = agent(4, undefined, { allocated_resources: [scalar('cpus', 3.5)] });
  const drained = agent(5, undefined, { active: false, deactivated: true });
  const said = judgeAgents([agent(1), agent(2), noPorts, inUse, drained], 'kafka') ?? '';
  assert.match(said, '2 of 5 agents have room; 3 are needed');
  assert.match(said, 'host-3: ports 0 of 3');
  assert.match(said, 'host-4: cpus 0.5 of 0.6');
  assert.match(said, 'host-5: deactivated or draining');
  assert.match(said, '--resources');
});

test('static reservations for our role count, those of others and dynamic ones do not', () => {
  const reserved = (more: Partial<Resource>): Agent =>
    agent(3, [
      scalar('cpus', 4, more),
      scalar('mem', 4096),
      scalar('disk', 20_000),
      { name: 'ports', role: '*', ranges: { range: [{ begin: 31_000, end: 32_000 }] } },
    ]);
  const judge = (more: Partial<Resource>) => judgeAgents([agent(1), agent(2), reserved(more)], 'kafka');
  assert.is(judge(reservedFor('kafka', 'STATIC')), undefined);
  assert.match(judge(reservedFor('other', 'STATIC')) ?? '', 'cpus 0 of');
  assert.match(judge(reservedFor('kafka', 'DYNAMIC')) ?? '', 'cpus 0 of');
});

test('agents that share a hostname cannot take one broker each', () => {
  const twin = (n: number): Agent => ({
    ...agent(n),
    agent_info: { id: { value: `S${n}` }, hostname: 'same' },
  });
  assert.match(judgeAgents([twin(1), twin(2), twin(3)], 'kafka') ?? '', 'only 1 different hostnames');
});

test('equal ports at one address are refused', () => {
  const attributes = [{ name: 'advertised_host', text: { value: '10.0.0.1' } }];
  const all = [1, 2, 3]
    .map((n) => agent(n))
    .map((one) => ({
      ...one,
      agent_info: { ...one.agent_info, attributes },
    }));
  assert.match(
    judgeAgents(all, 'kafka') ?? '',
    'same ports at the same address: host-1 and host-2, host-1 and host-3',
  );
});

test('draining came with Mesos 1.9', () => {
  assert.equal(['1.8.1', '1.9.0', '1.11.0', '1.12.0-dev', '2.0.0'].map(isNewEnough), [
    false,
    true,
    true,
    true,
    true,
  ]);
});

test('without a master there are no settings; a value that cannot be used is named', () => {
  assert.is(readSettings({ MESOS_MASTER: ' ', MESOS_WAIT_SECONDS: 'x' }), undefined);
  const settings = readSettings({ MESOS_MASTER: 'm:5050', KAFKA_MESOS_ADVERTISE: '10.0.0.9:7080' });
  assert.equal(settings?.advertise, { host: '10.0.0.9', port: 7080 });
  assert.is(settings?.credentials, undefined);
  const wrong = {
    MESOS_WAIT_SECONDS: '0',
    KAFKA_MESOS_ADVERTISE: 'http://x',
    MESOS_SECRET_FILE: '/nowhere/secret',
  };
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(() => readSettings({ MESOS_MASTER: 'm:5050', [name]: value }), new RegExp(name));
  }
});

test('only names, addresses and numbers get into a shell', () => {
  assert.is(
    fillHook('ssh {agent} kill -9 {pid}', { agent: 'host-1.example', pid: '42' }),
    'ssh host-1.example kill -9 42',
  );
  assert.throws(() => fillHook('ssh {agent} true', { agent: 'x; rm -rf /' }), /not put into a command/);
  assert.throws(() => fillHook('ssh {host} true', { agent: 'x' }), /\{host\}.*none of \{agent\}/);
});

test('a failure is told with its words, what builds on it is skipped, and the count says so', async () => {
  let text = '';
  const report = createReport((more) => {
    text += more;
  });
  await report.step('one', async () => 'seen');
  await report.step('two', () => Promise.reject(new Failure('expected a, saw b')));
  await report.step('three', async () => 'never');
  report.skip('four', 'set FOUR');
  report.chapter('Next');
  await report.step('five', async () => undefined);
  assert.is(report.summary(), '2 passed, 1 failed, 2 skipped');
  assert.is(report.failed(), 1);
  assert.match(text, /✓ one \(seen; [\d.]+ s\)\n✗ two \([\d.]+ s\)\n {4}expected a, saw b\n/);
  assert.match(text, '- three: skipped, for "two" failed\n- four: skipped, set FOUR\n');
});

function runMain(args: readonly string[], env: Readonly<Record<string, string>>) {
  const own = Object.entries(process.env).filter(([key]) => !key.startsWith('MESOS_'));
  return spawnSync(process.execPath, [...process.execArgv, 'test/real-mesos/main.ts', ...args], {
    env: { ...Object.fromEntries(own), ...env },
    encoding: 'utf8',
  });
}

test('without MESOS_MASTER it says that it was skipped, and is no failure', () => {
  const { status, stdout } = runMain([], {});
  assert.is(status, 0, stdout);
  assert.match(stdout, /^- test:mesos: skipped, for MESOS_MASTER is not set; run it as MESOS_MASTER=/);
  assert.match(stdout, /\n0 passed, 0 failed, 1 skipped\n$/);
});

test('a master that does not answer, and a chapter that does not exist, are red', () => {
  const dead = runMain([], { MESOS_MASTER: '127.0.0.1:1' });
  assert.is(dead.status, 1);
  assert.match(dead.stdout, 'master 127.0.0.1:1 cannot be asked: connect ECONNREFUSED');
  assert.match(dead.stdout, /\n0 passed, 1 failed, 7 skipped\n$/);
  const misspelt = runMain(['conformence'], { MESOS_MASTER: '127.0.0.1:1' });
  assert.is(misspelt.status, 1);
  assert.match(misspelt.stdout, 'conformence: there are the chapters preflight, conformance, flow');
});

test.run();
