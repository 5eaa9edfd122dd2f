import { isLoopback } from '../api/listen-address.ts';
import { parseMasterAddress } from '../mesos/master-address.ts';
import type { SchedulerOptions } from './scheduler-options.ts';

/**
 * Where the master's web UI leads people from the framework (`FrameworkInfo.webui_url`): the page of our API. On
 * loopback it is that only for who sits at this machine, as with a master that is on loopback too; of a real master it
 * would lead everybody to a program of their own machine, so that it is left out unless the operator says where.
 */
export function webUrlOf(
  { webUrl, listen, master }: Pick<SchedulerOptions, 'webUrl' | 'listen' | 'master'>,
  apiUrl: string,
): string | undefined {
  if (webUrl !== undefined) return webUrl;
  if (!isLoopback(listen.host)) return `${apiUrl}/`;
  const address = parseMasterAddress(master);
  const isHere = address.kind === 'hosts' && address.hosts.every(({ host }) => isLoopback(host));
  return isHere ? `${apiUrl}/` : undefined;
}
