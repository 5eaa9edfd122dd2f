/** A TCP proxy on loopback that can be cut, or fall silent, in either direction. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export type TcpProxy = {
  readonly port: number;
  readonly address: string;
  /** Ends every connection, and each new one at once. */
  cut(): void;
  /** Keeps connections and passes nothing on: what a dropped route looks like. */
  silence(): void;
  /** Requests get through, answers do not. */
  swallowAnswers(): void;
  /** Ends what was cut or silenced half-way, and passes on again. */
  mend(): void;
  close(): Promise<void>;
};

/** `onSent` is told whatever comes for the target, passed on or not. */
export async function startProxy(targetPort: number, onSent?: (chunk: Buffer) => void): Promise<TcpProxy> {
  let mode: 'pass' | 'cut' | 'silent' | 'no-answers' = 'pass';
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((near) => {
    keep(near);
    if (mode === 'cut') {
      near.destroy();
      return;
    }
    const far = createConnection({ host: '127.0.0.1', port: targetPort });
    keep(far);
    near.on('data', (chunk: Buffer) => {
      onSent?.(chunk);
      if (mode === 'pass' || mode === 'no-answers') far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (mode === 'pass') near.write(chunk);
    });
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    address: `127.0.0.1:${port}`,
    cut() {
      mode = 'cut';
      endAll();
    },
    silence() {
      mode = 'silent';
    },
    swallowAnswers() {
      mode = 'no-answers';
    },
    mend() {
      mode = 'pass';
      endAll();
    },
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
