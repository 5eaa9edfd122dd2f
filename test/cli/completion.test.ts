/** Completion: what is offered where, and that real shells make of it what we mean. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Home } from '../../src/cli/home.ts';
import { clusterStatus } from '../api/fixtures.ts';
import { broker } from '../view/samples.ts';
import { builtCli, runHere, withHome, withScheduler } from './run-cli.ts';

async function offered(home: Home, ...words: readonly string[]): Promise<readonly string[]> {
  const run = await runHere(['complete', '--', ...words], { home });
  assert.is(run.exitCode, 0, words.join(' '));
  assert.is(run.stderr, '', words.join(' '));
  return run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '');
}

const clusters = () => [
  clusterStatus({ name: 'orders', brokers: [broker(0), broker(12)] }),
  clusterStatus({ name: 'audit', brokers: [broker(7)] }),
];

test('commands, options and their values, from the program itself', async () => {
  await withHome(async (home) => {
    assert.equal(await offered(home, 'get', 'b'), ['brokers']);
    assert.ok((await offered(home, '')).includes('apply'));
    assert.not((await offered(home, '')).includes('complete'));
    assert.equal(await offered(home, 'plan', '--det'), ['--detailed-exitcode']);
    assert.equal(await offered(home, 'plan', '--detailed-exitcode', '--det'), []);
    assert.equal(await offered(home, 'apply', '-f', 'a', '--fi'), ['--file'], 'it may come again');
    assert.equal(await offered(home, 'plan', '-o', 'w'), ['wide']);
    assert.equal(await offered(home, 'plan', '--output=j'), ['--output=json']);
    assert.equal(await offered(home, 'scheduler', '--log-level', ''), ['debug', 'info', 'warn', 'error']);
    assert.equal(await offered(home, 'completion', 'z'), ['zsh']);
    for (const words of [
      ['plan', '-f', ''],
      ['plan', '-f', 'a.yaml', ''],
      ['apply', '--plan', ''],
      ['apply', '--plan=de'],
      ['scheduler', '--config', ''],
      ['dist', 'export', ''],
    ]) {
      assert.equal(await offered(home, ...words), [':files'], words.join(' '));
    }
    assert.equal(await offered(home, 'wait', '--for', 'condition=R'), [
      'condition=Ready',
      'condition=Ready=false',
      'condition=Reconciling',
      'condition=Reconciling=false',
    ]);
    assert.equal(await offered(home, 'wait', 'broker', '1', '--for', 'state=run'), ['state=running']);
    assert.equal(await offered(home, 'get', 'brokers', '--columns', 'id,sta'), [
      'id,state',
      'id,startedAt',
      'id,stalled',
    ]);
    assert.equal(await offered(home, 'get', 'topics', '-l', 'st'), ['state=', 'stalled=', ':more']);
    assert.equal(await offered(home, 'explain', 'spec.topics.part'), ['spec.topics.partitions']);
    assert.equal(await offered(home, 'explain', 'spec.to'), ['spec.topics', ':more']);
    assert.equal(await offered(home, 'explain', 'scheduler.se'), [
      'scheduler.sessionTimeout',
      'scheduler.secretFile',
    ]);
    assert.equal(await offered(home, 'broker', 'stop', '2', '--for', ''), []);
    assert.equal(await offered(home, 'nope', ''), await offered(home, 'nope', '', ''));
  });
});

test('names and ids come from the scheduler and the contexts', async () => {
  await withScheduler({ clusters }, async (home, _asked, server) => {
    assert.equal(await offered(home, 'status', ''), ['orders', 'audit']);
    assert.equal(await offered(home, 'get', 'brokers', '--cluster', 'a'), ['audit']);
    assert.equal(await offered(home, 'logs', '--cluster', 'orders', '1'), ['12']);
    assert.equal(await offered(home, 'logs', ''), [], 'of which cluster?');
    assert.equal(await offered(home, 'wait', ''), ['broker', 'orders', 'audit']);
    assert.equal(await offered(home, 'wait', '--cluster=audit', 'broker', ''), ['7']);
    writeFileSync(
      home.contextsFile,
      `contexts:\n  here: {api: "${server.url}", tokenFile: ${home.tokenFile}, cluster: orders}\n  dead: {api: "http://127.0.0.1:1"}\n`,
    );
    assert.equal(await offered(home, 'context', 'use', ''), ['here', 'dead']);
    assert.equal(await offered(home, 'status', '--context', 'd'), ['dead']);
    assert.equal(await offered(home, 'broker', 'stop', '--context', 'here', ''), ['0', '12']);
    assert.equal(await offered(home, 'status', '--context', 'dead', ''), []);
  });
});

test('whatever is wrong, a shell hears nothing of it; and a name is never more than a word', async () => {
  await withHome(async (home) => {
    assert.equal(await offered(home, 'status', ''), []);
    assert.equal(await offered(home, 'status', '--api', 'nonsense', ''), []);
    writeFileSync(home.contextsFile, 'contexts: [');
    assert.equal(await offered(home, 'context', 'use', ''), []);
  });
  const evil = () => [clusterStatus({ name: '$(touch /tmp/x)' }), clusterStatus({ name: 'a\nb' })];
  await withScheduler({ clusters: evil }, async (home) => {
    assert.equal(await offered(home, 'status', ''), []);
  });
});

/** Prints what the function of the script answers for a line, the cursor at its end. */
const drivers = {
  bash: (line: string) => `
    source <(kafka-mesos completion bash)
    COMP_LINE=${quoted(line)} COMP_POINT=\${#COMP_LINE} COMP_WORDS=(kafka-mesos) COMP_CWORD=0
    _kafka_mesos && printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: (line: string) => `
    compdef() {}
    source <(kafka-mesos completion zsh)
    _describe() { print -rl -- "\${candidates[@]}" }
    _files() { print -r -- FILES }
    words=(\${(z)$(print -r -- ${quoted(line)})}); [[ ${quoted(line)} == *' ' ]] && words+=('')
    CURRENT=\${#words}
    _kafka_mesos`,
  fish: (line: string) => `
    kafka-mesos completion fish | source
    complete -C ${quoted(line)}`,
};

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function isThere(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  const run = isThere(shell) ? test : test.skip;
  run(`in a real ${shell}`, async () => {
    const launcher = await builtCli();
    await withHome(async (home) => {
      const inShell = (line: string): readonly string[] =>
        execFileSync(
          shell,
          [
            ...(shell === 'bash' ? ['--norc', '--noprofile'] : shell === 'zsh' ? ['-f'] : ['--no-config']),
            '-c',
            drivers[shell](line),
          ],
          {
            env: {
              PATH: `${dirname(launcher)}:${process.env.PATH}`,
              HOME: home.directory,
              KAFKA_MESOS_HOME: home.directory,
            },
            cwd: home.directory,
            encoding: 'utf8',
          },
        )
          .split('\n')
          .filter((one) => one !== '')
          // zsh and fish say what each is.
          .map((one) => one.split(shell === 'zsh' ? /(?<!\\):/ : '\t')[0] ?? '');
      writeFileSync(join(home.directory, 'demo.yaml'), '');
      assert.equal(inShell('kafka-mesos get b'), ['brokers']);
      const files = inShell('kafka-mesos plan -f dem');
      assert.equal(files, [shell === 'zsh' ? 'FILES' : 'demo.yaml']);
      const waiting = inShell('kafka-mesos wait --for condition=Stalled');
      // bash breaks words at = and completes the last piece.
      const stalled = shell === 'bash' ? 'Stalled' : 'condition=Stalled';
      assert.equal(waiting, [stalled, `${stalled}=false`]);
    });
  });
}

test.run();
