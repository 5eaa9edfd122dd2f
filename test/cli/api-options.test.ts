/** The scheduler's options of its API: what is refused, where Mesos leads people, who goes on following. */
import { Command } from 'commander';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addServiceCommands } from '../../src/cli/program-services.ts';
import { refuseMistakes } from '../../src/cli/scheduler-mistakes.ts';
import { createServingService } from '../../src/cli/serving-service.ts';
import { webUrlOf } from '../../src/cli/web-url.ts';
import { fakeService } from '../api/fixtures.ts';

async function mistakeOf(...args: readonly string[]): Promise<string> {
  const program = new Command('kafka-mesos');
  addServiceCommands(program, undefined as never, async () => {});
  const command = program.commands.find((one) => one.name() === 'scheduler') as Command;
  command.action(() => {});
  await program.parseAsync(['scheduler', '--master', 'm:5050', ...args], { from: 'user' });
  try {
    refuseMistakes(command, command.opts(), new Map());
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const wide = ['--listen', '10.0.0.5:7090'];
const token = ['--token-file', '/t'];
const tls = ['--tls-cert-file', '/c', '--tls-key-file', '/k'];

test('beyond loopback it wants a token of the operator, and TLS or the word that there is none', async () => {
  assert.is(await mistakeOf(), '');
  assert.is(await mistakeOf('--listen', '[::1]:0', ...tls), '');
  assert.match(await mistakeOf(...wide), '--listen 10.0.0.5 is not on loopback, and no token');
  assert.match(await mistakeOf(...wide, ...tls), 'no token was given');
  assert.match(await mistakeOf(...wide, '--allow-plain-http'), 'no token was given');
  assert.match(await mistakeOf(...wide, '--read-token-file', '/r', ...tls), 'no token was given');
  assert.match(await mistakeOf(...wide, ...token), 'without TLS everybody on the way reads the tokens');
  assert.is(await mistakeOf(...wide, ...token, ...tls), '');
  assert.is(await mistakeOf(...wide, ...token, '--allow-plain-http'), '');
  assert.match(await mistakeOf('--tls-cert-file', '/c'), '--tls-cert-file comes without');
  assert.match(await mistakeOf('--tls-key-file', '/k'), '--tls-key-file comes without');
  for (const url of ['ftp://x/', 'https://ann:secret@x/', 'kafka.example.org', 'javascript:alert(1)']) {
    assert.match(await mistakeOf('--web-url', url), '--web-url is no http(s) URL');
  }
  assert.is(await mistakeOf('--web-url', 'https://kafka.example.org/ui'), '');
});

test('Mesos leads people to the API where they can reach it, and nowhere else', () => {
  const loopback = { host: '127.0.0.1', port: 0 };
  const here = 'http://127.0.0.1:7';
  const far = { listen: loopback, master: 'zk://zk1/mesos' };
  assert.is(webUrlOf(far, here), undefined);
  assert.is(webUrlOf({ ...far, master: '10.0.0.1:5050' }, here), undefined);
  assert.is(webUrlOf({ ...far, master: '127.0.0.1:5050' }, here), `${here}/`);
  assert.is(webUrlOf({ ...far, listen: { host: '0.0.0.0', port: 0 } }, 'https://k1:7'), 'https://k1:7/');
  assert.is(webUrlOf({ ...far, webUrl: 'https://kafka.example.org/' }, here), 'https://kafka.example.org/');
});

test('who follows a standby follows the leader that it becomes', () => {
  const followed = () => {
    const listeners = new Set<() => void>();
    const { service } = fakeService({
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    });
    return { service, listeners };
  };
  const [standby, leader] = [followed(), followed()];
  const { service, serveAs } = createServingService(standby.service);
  let told = 0;
  const end = service.onChange(() => {
    told += 1;
  });
  assert.equal([standby.listeners.size, leader.listeners.size], [1, 0]);
  serveAs(leader.service);
  assert.is(told, 1, 'everything may be different now');
  assert.equal([standby.listeners.size, leader.listeners.size], [0, 1]);
  for (const listener of leader.listeners) listener();
  assert.is(told, 2);
  end();
  assert.is(leader.listeners.size, 0);
});

test.run();
