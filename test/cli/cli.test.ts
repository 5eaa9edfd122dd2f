import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../src/cli/errors.ts';
import { exitCodeTable } from '../../src/cli/exit-codes.ts';
import { ensureToken, findRunningApi, type Home, publishApi, retractApi } from '../../src/cli/home.ts';
import { createProgram } from '../../src/cli/program.ts';
import { readSecret } from '../../src/cli/secret-files.ts';
import type { ApplyRequest, PlanAnswer, SpecProblem } from '../../src/model/api.ts';
import { ConflictError, SpecError, UnavailableError } from '../../src/model/errors.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { clusterStatus, unplaced } from '../api/fixtures.ts';
import { builtCli, runCli, runHere, testContext, withHome, withScheduler } from './run-cli.ts';

const spec = 'kind: KafkaCluster\n';
const step = { mark: '+', what: 'start broker 0', why: [], brokerId: 0 };
const executors = { cpus: 0.1, memoryMiB: 128, count: 1 };
const changes: PlanAnswer = {
  clusters: [{ name: 'demo', revision: 0, steps: [step], held: [], executors }],
  warnings: [],
};

function specFile(home: Home): string {
  const path = join(home.directory, 'demo.yaml');
  writeFileSync(path, spec);
  return path;
}

test('wrong usage is 64, on stderr, with the way to the help', async () => {
  await withHome(async (home) => {
    for (const args of [['nope'], ['help', 'nope'], ['status', '--nope'], ['get']]) {
      const run = await (args[0] === 'nope' ? runCli : runHere)(args, { home });
      assert.is(run.exitCode, 64, `${args.join(' ')}\n${run.stderr}`);
      assert.is(run.stdout, '', args.join(' '));
      assert.match(run.stderr, /^(error: .+\n {2}→ .+\n$|Usage: )/, args.join(' '));
    }
  });
});

test('what counts as wrong usage', async () => {
  const context = { ...testContext(), io: { ...testContext().io, err: () => {} } };
  const file = fileURLToPath(import.meta.url);
  for (const args of [
    ['--nope'],
    ['status', 'a', 'b'],
    ['status', '-o', 'xml'],
    ['describe', 'broker'],
    ['describe', 'broker', 'x'],
    ['apply'],
    ['apply', 'demo.yaml'],
    ['apply', '-f'],
    ['apply', '-f', file, '--timeout', 'soon'],
    ['plan', '-f', file, '--api', 'http://127.0.0.1:1', '--local'],
    ['plan', '-f', file, '--api', 'nowhere'],
    ['logs', '0', '--tail', '-5'],
    ['scheduler'],
    ['scheduler', '--master', 'm:5050', '--listen', '0.0.0.0:80'],
    ['scheduler', '--master', 'm:5050', '--failover-timeout', '5m'],
    ['scheduler', '--master', 'm:5050', '--store', 'etcd://a/b'],
    ['scheduler', '--master', 'm:5050', '--artifact-url', 'mirror.example.org'],
    ['scheduler', '--master', 'm:5050', '--artifact-url', 'http://ann:pass@mirror.example.org'],
    ['status', '--watch', '-o', 'json'],
    ['dist', 'get', '--from', 'https://example.org/kafka.tgz'],
    ['dist', 'get', '4.3.1', '--from', file],
  ]) {
    const error = await createProgram(context)
      .run(args)
      .catch((reason: unknown) => reason);
    assert.instance(error, UsageError, args.join(' '));
    assert.ok((error as UsageError).remedy, args.join(' '));
  }
  for (const args of [[], ['get'], ['describe'], ['local']]) {
    assert.is(await createProgram(context).run(args), 64, args.join(' '));
  }
});

test('wrong usage is answered with what to type', async () => {
  await withHome(async (home) => {
    for (const [args, says] of [
      [['stauts'], "error: unknown command 'stauts'\n  → did you mean kafka-mesos status?"],
      [['hist'], '→ did you mean kafka-mesos history?'],
      [['d'], '→ kafka-mesos --help shows what there is'],
      [['get', 'broker'], '→ did you mean kafka-mesos get brokers?'],
      [
        ['plan', '--flie', 'x'],
        "error: unknown option '--flie'\n  → did you mean --file? kafka-mesos plan --help",
      ],
      [['describe', 'broker'], '→ write it as kafka-mesos describe broker <id>;'],
      [['dist', 'export'], '→ write it as kafka-mesos dist export <directory> [version...];'],
      [['teardown'], '→ write it as kafka-mesos teardown --confirm <name>;'],
      [['apply', 'a.yaml'], '→ name files by -f, as in kafka-mesos apply -f examples/three-brokers.yaml'],
      [['xyzzy'], '→ kafka-mesos --help shows what there is'],
    ] as const) {
      const run = await runHere(args, { home });
      assert.is(run.exitCode, 64, args.join(' '));
      assert.match(run.stderr, says);
    }
  });
});

test('an agent timeout of local Mesos that is none starts nothing', async () => {
  for (const text of ['soon', '15', '0s', '999ms']) {
    const context = testContext({ env: { KAFKA_MESOS_LOCAL_AGENT_TIMEOUT: text } });
    const error = await createProgram(context)
      .run(['local', 'run'])
      .catch((reason: unknown) => reason);
    assert.instance(error, UsageError, text);
  }
});

test('help and version are 0, on stdout, and the help has the table of exit codes', async () => {
  await withHome(async (home) => {
    for (const args of [
      ['--help'],
      ['apply', '-h'],
      ['describe', 'broker', '--help'],
      ['local', '--help'],
      ['help'],
      ['help', 'broker', 'stop'],
      ['--version'],
    ]) {
      const run = await (args.length === 1 ? runCli : runHere)(args, { home });
      assert.is(run.exitCode, 0);
      assert.is(run.stderr, '');
      assert.ok(run.stdout.length > 5);
    }
    const help = (await runCli(['--help'], { home })).stdout;
    assert.is((await runHere(['help'], { home })).stdout, help);
    assert.ok(help.split('\n').every((line) => line.length <= 80));
    const unfolded = help.replace(/\s+/g, ' ');
    for (const [command, code, meaning] of exitCodeTable) {
      assert.ok(unfolded.includes(`${command} ${code} ${meaning}`), meaning);
    }
  });
});

test('without a scheduler: 1, with what to do', async () => {
  await withHome(async (home) => {
    const file = specFile(home);
    for (const args of [
      ['status'],
      ['plan', '-f', file],
      ['apply', '-f', file],
      ['logs', '0'],
      ['get', 'brokers'],
    ]) {
      const run = await (args[0] === 'status' ? runCli : runHere)(args, { home });
      assert.is(run.exitCode, 1, args.join(' '));
      assert.match(run.stderr, /^error: no scheduler is running/);
      assert.match(run.stderr, '→ start one by `kafka-mesos local up`');
      assert.is(run.stdout, '');
    }
  });
});

test('files that cannot be read: 1, named', async () => {
  await withHome(async (home) => {
    const empty = join(home.directory, 'empty');
    mkdirSync(empty);
    const large = join(home.directory, 'large.yaml');
    writeFileSync(large, '#'.repeat(4 << 20));
    for (const [path, says] of [
      [join(home.directory, 'nope.yaml'), 'there is no such file'],
      [empty, 'has no .yaml or .yml file'],
      [large, 'larger than 3 MiB'],
    ] as const) {
      const run = await runHere(['plan', '-f', path], { home });
      assert.is(run.exitCode, 1);
      assert.match(run.stderr, says);
    }
    const piped = await runCli(['plan', '-f', '-'], { home, stdin: '#'.repeat(4 << 20) });
    assert.match(piped.stderr, 'larger than 3 MiB');
  });
});

test('validate: 0 or 1, and asks no scheduler', async () => {
  await withHome(async (home) => {
    const bad = await runCli(['validate', '-f', '-'], { home, stdin: 'kind: KafkaCluster\nspce: {}\n' });
    assert.is(bad.exitCode, 1);
    assert.is(bad.stdout, '');
    assert.match(bad.stderr, /--> stdin:\d+:\d+/);
    const json = await runHere(['validate', '-f', '-', '-o', 'json'], {
      home,
      stdin: 'kind: KafkaCluster\nspce: {}\n',
    });
    assert.is(json.exitCode, 1);
    assert.is(json.stderr, '');
    const answer = JSON.parse(json.stdout);
    assert.is(answer.valid, false);
    assert.ok(answer.problems.every((problem: SpecProblem) => problem.file === 'stdin' && problem.line > 0));
    const example = fileURLToPath(new URL('../../examples/three-brokers.yaml', import.meta.url));
    const good = await runHere(['validate', '-f', example], { home });
    assert.is(good.exitCode, 0, good.stderr);
    assert.match(good.stdout, /^1 file: valid \(.+\)\n$/);
  });
});

test('plan: 0, and with --detailed-exitcode 2 when there are changes', async () => {
  await withScheduler({ plan: async () => changes }, async (home) => {
    const file = specFile(home);
    const run = await runCli(['plan', '-f', file], { home });
    assert.is(run.exitCode, 0);
    assert.match(run.stdout, '+ start broker 0');
    assert.match(run.stdout, 'Plan: 1 to start, 0 to restart, 0 to stop; 0 held.');
    assert.is((await runCli(['plan', '-f', file, '--detailed-exitcode'], { home })).exitCode, 2);
    assert.is((await runHere(['apply', '-f', file, '--dry-run'], { home })).stdout, run.stdout);
    const json = await runHere(['plan', '-f', file, '-o', 'json'], { home });
    assert.equal(JSON.parse(json.stdout), changes);
    const yaml = await runHere(['plan', '-f', file, '-o', 'yaml'], { home });
    assert.match(yaml.stdout, /^clusters:\n {2}- name: demo\n/);
    const other = await runHere(['plan', '-f', file, '--cluster', 'other'], { home });
    assert.is(other.exitCode, 1);
    assert.match(other.stderr, 'there is demo');
  });
  await withScheduler({}, async (home) => {
    const run = await runHere(['plan', '-f', specFile(home), '--detailed-exitcode'], { home });
    assert.is(run.exitCode, 0);
    assert.match(run.stdout, 'Plan: no changes.');
  });
});

test('spec mistakes: 1, with file, line and column', async () => {
  const problem = {
    severity: 'error' as const,
    code: 'KM_SPEC_UNKNOWN_KEY',
    file: 'demo.yaml',
    line: 3,
    column: 5,
    path: 'spec.brokerz',
    message: 'unknown key',
    remedy: 'did you mean brokers?',
  };
  const refuse = async () => {
    throw new SpecError('KM_SPEC_INVALID', 'the spec has 1 error', { problems: [problem] });
  };
  await withScheduler({ plan: refuse, apply: refuse }, async (home) => {
    for (const command of ['plan', 'apply']) {
      const run = await runHere([command, '-f', specFile(home)], { home });
      assert.is(run.exitCode, 1);
      assert.is(run.stdout, '');
      assert.match(run.stderr, '--> demo.yaml:3:5');
      assert.match(run.stderr, 'unknown key');
      assert.match(run.stderr, 'did you mean brokers?');
      assert.match(run.stderr, /\nerror: the spec has 1 error\n$/);
    }
  });
});

test('apply: sends files of a directory in order and stdin, 0 when stored', async () => {
  await withScheduler({}, async (home, asked) => {
    const folder = join(home.directory, 'specs', 'deep');
    mkdirSync(folder, { recursive: true });
    for (const name of ['b.yaml', 'deep/a.yml', 'ignored.txt', '.hidden.yaml']) {
      writeFileSync(join(home.directory, 'specs', name), `kind: ${name}`);
    }
    writeFileSync(join(folder, 'scheduler.yaml'), 'master: 10.0.0.1:5050\n');
    const root = join(home.directory, 'specs');
    const run = await runCli(['apply', '-f', root, '-f', '-', '-f', join(root, 'b.yaml')], {
      home,
      stdin: 'from stdin',
    });
    assert.is(run.exitCode, 0, run.stderr);
    assert.is(run.stdout, 'cluster demo: revision 1 stored\n');
    assert.match(run.stderr, /^Skipped .*\/deep\/scheduler.yaml: it has neither apiVersion nor kind\.$/m);
    const { files, author } = (asked[0]?.request ?? {}) as ApplyRequest;
    assert.equal(
      files.map((file) => file.text),
      ['kind: b.yaml', 'kind: deep/a.yml', 'from stdin'],
    );
    assert.is(files[2]?.path, 'stdin');
    assert.ok(author.length > 0);
  });
});

test('apply: a conflict is 1 and says what to do', async () => {
  const conflict = async () => {
    throw new ConflictError('KM_CONFLICT_REVISION', 'revision 4 is stored, not 3', {
      remedy: 'look and apply again',
    });
  };
  await withScheduler({ apply: conflict }, async (home, _asked, server) => {
    const run = await runHere(['apply', '-f', specFile(home)], { home });
    assert.is(run.exitCode, 1);
    assert.is(
      run.stderr,
      `error: revision 4 is stored, not 3\n  KM_CONFLICT_REVISION; asked ${server.url}\n  → look and apply again\n`,
    );
  });
});

test('apply --wait: 0 once converged, with plain lines on stderr, and stdout for data only', async () => {
  let looks = 0;
  const clusters = (): ClusterStatus[] => {
    looks += 1;
    return looks < 3
      ? [clusterStatus({ phase: 'forming', revision: looks === 1 ? 0 : 1, brokers: [] })]
      : [clusterStatus()];
  };
  await withScheduler({ clusters }, async (home) => {
    const run = await runCli(['apply', '-f', specFile(home), '--wait'], { home });
    assert.is(run.exitCode, 0, run.stderr);
    assert.is(run.stdout, 'cluster demo: revision 1 stored\n');
    assert.match(
      run.stderr,
      /^\d\d:\d\d:\d\d cluster demo: forming \(revision 0\)\n.*forming \(revision 1\)\n.*converged \(revision 1\)\n.*broker 0: running\nConverged: demo\.\n$/,
    );
    const json = await runHere(['apply', '-f', specFile(home), '--wait', '-o', 'json'], { home });
    assert.is(JSON.parse(json.stdout).clusters[0].name, 'demo');
  });
});

test('apply --wait: 3 at the time-out, 2 when held, each with the reasons', async () => {
  for (const [phase, code] of [
    ['converging', 3],
    ['held', 2],
  ] as const) {
    await withScheduler({ clusters: () => [clusterStatus({ phase, held: [unplaced] })] }, async (home) => {
      const run = await runHere(['apply', '-f', specFile(home), '--wait', '--timeout', '1s'], { home });
      assert.is(run.exitCode, code, run.stderr);
      assert.match(run.stderr, '! start broker 0: no offer has room');
      assert.match(run.stderr, '→ add an agent');
    });
  }
});

test('apply --wait: Ctrl-C leaves with 130 and says that the scheduler goes on', async () => {
  await withScheduler({ clusters: () => [clusterStatus({ phase: 'converging' })] }, async (home) => {
    const run = await runCli(['apply', '-f', specFile(home), '--wait'], {
      home,
      interruptWhen: (text) => text.includes('converging'),
    });
    assert.is(run.exitCode, 130);
    assert.match(run.stderr, 'The scheduler goes on');
  });
});

test('apply --wait: sits out a scheduler that is away for a moment', async () => {
  let looks = 0;
  const clusters = () => {
    looks += 1;
    if (looks === 1) throw new UnavailableError('KM_UNAVAILABLE_STORE', 'the store is slow');
    return [clusterStatus()];
  };
  await withScheduler({ clusters }, async (home) => {
    const run = await runHere(['apply', '-f', specFile(home), '--wait'], { home });
    assert.is(run.exitCode, 0);
    assert.match(
      run.stderr,
      'The scheduler does not answer (the store is slow); waiting for it.\nThe scheduler answers again.\n',
    );
  });
});

test('status, get and describe', async () => {
  await withScheduler({}, async (home) => {
    const status = await runCli(['status'], { home });
    assert.match(status.stdout, 'Cluster demo  converged  revision 1');
    assert.match(status.stdout, /^Scheduler {2}.* leads since .*\nMesos {6}127\.0\.0\.1:5050, connected\n\n/);
    assert.is((await runHere(['status', 'demo'], { home })).stdout, status.stdout);
    const json = await runHere(['status', '-o', 'json'], { home });
    assert.is(JSON.parse(json.stdout)[0].name, 'demo');
    const brokers = await runCli(['get', 'brokers'], { home });
    assert.match(brokers.stdout, /^BROKER +STATE .*\n0 +running /);
    assert.match((await runCli(['describe', 'broker', '0'], { home })).stdout, 'Broker 0 of cluster demo');
    assert.match((await runHere(['describe', 'cluster'], { home })).stdout, 'Conditions:');
    for (const args of [
      ['status', 'other'],
      ['status', 'other', '--watch'],
      ['describe', 'broker', '9'],
      ['get', 'topics', '--cluster', 'other'],
    ]) {
      const run = await runHere(args, { home });
      assert.is(run.exitCode, 1, args.join(' '));
      assert.match(run.stderr, /^error: .*\n {2}KM_CLI_NO_.*\n {2}→ /);
    }
  });
  await withScheduler(
    { clusters: () => [clusterStatus(), clusterStatus({ name: 'other' })] },
    async (home) => {
      const run = await runHere(['get', 'brokers'], { home });
      assert.is(run.exitCode, 64);
      assert.match(run.stderr, 'choose one by --cluster: demo, other');
    },
  );
});

test('a token that everybody can read is warned of once, with what mends it', async () => {
  await withScheduler({}, async (home) => {
    const { stderr } = await runHere(['status'], { home });
    assert.is(stderr, '');
    chmodSync(home.tokenFile, 0o644);
    const run = await runHere(['status'], { home });
    assert.is(run.exitCode, 0);
    assert.is(
      run.stderr,
      `warning: everybody on this machine can read the token in ${home.tokenFile}\n  → chmod 600 ${home.tokenFile}\n`,
    );
  });
});

test('a secret of the scheduler that everybody can read is warned of', async () => {
  await withHome(async (home) => {
    const path = join(home.directory, 'secret');
    const told: string[] = [];
    const read = () => readSecret(path, '--secret-file', (file, remedy) => told.push(`${file} ${remedy}`));
    writeFileSync(path, 'abc\n', { mode: 0o640 });
    assert.is(await read(), 'abc');
    assert.equal(told, []);
    chmodSync(path, 0o644);
    await read();
    assert.equal(told, [`${path} chmod 600 ${path}`]);
  });
});

test('resume finds a broker that left the spec and was asked to stay, and no other verb does', async () => {
  const held = {
    brokerId: 7,
    need: 'remove broker 7',
    reason: 'paused-by-operator',
    message: 'ann asked to leave it alone',
    stalled: false,
    details: [],
  };
  await withScheduler(
    { clusters: () => [clusterStatus({ held: [held] })], cluster: () => clusterStatus({ held: [held] }) },
    async (home, asked) => {
      const resumed = await runHere(['broker', 'resume', '7'], { home });
      assert.match(resumed.stdout, 'broker 7: as the spec says');
      assert.equal(
        asked.map(({ request }) => request),
        [{ clusterName: 'demo', brokerId: 7, author: userInfo().username }],
      );
      const stopped = await runHere(['broker', 'stop', '7'], { home });
      assert.match(stopped.stderr, 'cluster demo has no broker 7');
    },
  );
});

test('resume asks only for brokers of which something was asked', async () => {
  const intent = { kind: 'stop', author: 'ann', atMs: 0 } as const;
  const [one] = clusterStatus().brokers;
  if (one === undefined) return assert.unreachable();
  const status = clusterStatus({
    brokers: [
      { ...one, intent },
      { ...one, id: 1 },
    ],
  });
  await withScheduler({ clusters: () => [status] }, async (home, asked) => {
    const run = await runCli(['broker', 'resume', '*'], { home });
    assert.match(run.stdout, /^broker 0: as the spec says\nbroker 1: nothing was asked of it\n/);
    assert.equal(
      asked.map(({ request }) => request),
      [{ clusterName: 'demo', brokerId: 0, author: userInfo().username }],
    );
  });
});

test('logs: the last lines, from the file named', async () => {
  const readLog = async () => ({ text: 'one\ntwo\nthree\n', path: '/x', agent: 'agent-1', totalBytes: 14 });
  await withScheduler({ readLog }, async (home) => {
    assert.is((await runCli(['logs', '0', '--tail', '2'], { home })).stdout, 'two\nthree\n');
    assert.is((await runHere(['logs', '0', '--file', '../x'], { home })).exitCode, 1);
    assert.is((await runHere(['logs', '7'], { home })).exitCode, 1);
  });
});

test('logs --follow prints what comes and nothing twice', async () => {
  let text = 'one\n';
  const readLog = async () => {
    const now = text;
    text += 'more\n';
    return { text: now, path: '/x', agent: 'agent-1', totalBytes: now.length };
  };
  await withScheduler({ readLog }, async (home) => {
    const run = await runCli(['logs', '0', '--follow'], {
      home,
      interruptWhen: (seen) => seen.split('more').length > 2,
    });
    assert.is(run.exitCode, 130);
    assert.match(run.stdout, /^one\nmore\nmore\n/);
  });
});

test('a reader that goes away ends the command quietly', async () => {
  const brokers = Array.from({ length: 20_000 }, (_, id) => ({ ...clusterStatus().brokers[0], id }));
  await withScheduler(
    { clusters: () => [clusterStatus({ brokers } as Partial<ClusterStatus>)] },
    async (home) => {
      const child = spawn(process.execPath, [await builtCli(), 'status', '-o', 'json'], {
        env: { ...process.env, KAFKA_MESOS_HOME: home.directory },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stderr = '';
      child.stderr.on('data', (part) => {
        stderr += part;
      });
      child.stdout.once('data', () => child.stdout.destroy());
      const code = await new Promise((resolve) => child.once('close', resolve));
      assert.is(stderr, '');
      assert.is(code, 141);
    },
  );
});

test('a bug is an id for people and a stack in the log', async () => {
  // A cluster without brokers property is what no scheduler of ours answers.
  const broken = [{ name: 'demo' } as unknown as ClusterStatus];
  await withScheduler({ clusters: () => broken }, async (home) => {
    const run = await runCli(['status'], { home });
    assert.is(run.exitCode, 1);
    const id = /^error: kafka-mesos has a bug \(KM_BUG_CLI, ([0-9a-f]{8})\)\n {2}→ /.exec(run.stderr)?.[1];
    assert.ok(id, run.stderr);
    assert.not.match(run.stderr, /\n +at /);
    const entry = JSON.parse(readFileSync(home.cliLog, 'utf8'));
    assert.is(entry.id, id);
    assert.match(entry.error, 'TypeError');
  });
});

test('the token is made once, for its owner only, and a stale api.json is seen through', async () => {
  await withHome(async (home) => {
    const [one, two] = await Promise.all([ensureToken(home), ensureToken(home)]);
    assert.is(one, two);
    assert.ok(one.length >= 32);
    assert.is(statSync(home.tokenFile).mode & 0o777, 0o600);
    assert.is(statSync(home.scheduler).mode & 0o777, 0o700);

    await publishApi(home, 'http://127.0.0.1:1');
    assert.is((await findRunningApi(home))?.pid, process.pid);
    const stale = { url: 'http://127.0.0.1:1', pid: process.pid, startTime: 'another time' };
    writeFileSync(home.apiFile, JSON.stringify(stale));
    assert.is(await findRunningApi(home), undefined);
    await retractApi(home);
    for (const text of ['', '{', '{"url":"x"}', '[]', 'null']) {
      writeFileSync(home.apiFile, text);
      assert.is(await findRunningApi(home), undefined, text);
    }
  });
});

test('colour only on request of a terminal: a pipe gets none', async () => {
  await withScheduler({ plan: async () => changes }, async (home) => {
    const run = await runCli(['plan', '-f', specFile(home)], { home, env: { FORCE_COLOR: '1' } });
    assert.not.match(run.stdout + run.stderr, '\u001b');
  });
});

test.run();
