import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Ports on loopback for servers that are started later, and again. From below 32768, where Linux begins to hand out
 * ports to clients: one of theirs would be taken by some connection of another test until then. And from below those of
 * embedded agents (port-block.ts).
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  while (servers.length < count) {
    const server = createServer();
    try {
      await once(server.listen(randomInt(10_000, 22_000), '127.0.0.1'), 'listening');
      servers.push(server);
    } catch {
      // Somebody has it: another one.
    }
  }
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
