/** Commands of the operator for what no API of Mesos can do. */
import { spawn } from 'node:child_process';
import { Failure } from './report.ts';
import type { HookName, Settings } from './settings.ts';

const timeoutMs = 120_000;

/**
 * `{agent}` and the like become `values`; they come from Mesos and go through a shell, so that only what host
 * names, addresses and numbers are made of gets there.
 */
export function fillHook(command: string, values: Readonly<Record<string, string>>): string {
  return command.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Failure(`${whole} in "${command}" is none of ${names(values)}`);
    if (!/^[\w.:-]+$/.test(value))
      throw new Failure(`${name} ${JSON.stringify(value)} is not put into a command`);
    return value;
  });
}

export async function runHook(
  settings: Settings,
  name: HookName,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const command = fillHook(settings.hooks[name] ?? '', values);
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => said.push(part));
  child.stderr.on('data', (part: Buffer) => said.push(part));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  // `exit`, not `close`: what the command leaves running may hold its output open.
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (...how) => resolve(how));
  });
  clearTimeout(timer);
  child.stdout.destroy();
  child.stderr.destroy();
  if (code !== 0) {
    const end = code === null ? `was ended by ${signal}` : `ended with ${code}`;
    throw new Failure(
      `${name}: "${command}" ${end}\n${Buffer.concat(said).toString('utf8').trim().slice(-2_000)}`,
    );
  }
}

function names(values: Readonly<Record<string, string>>): string {
  return Object.keys(values)
    .map((name) => `{${name}}`)
    .join(', ');
}
