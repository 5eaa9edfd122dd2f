// The part of node-zookeeper-client 1.1 in use here; the package brings no types.
declare module 'node-zookeeper-client' {
  import type { EventEmitter } from 'node:events';

  type Failure = Error & { getCode(): number };

  interface Client extends EventEmitter {
    connect(): void;
    close(): void;
    getState(): { getName(): string };
    addAuthInfo(scheme: string, auth: Buffer): void;
    getChildren(
      path: string,
      watcher: () => void,
      callback: (error: Failure | null | undefined, children: string[]) => void,
    ): void;
    getData(
      path: string,
      callback: (error: Failure | null | undefined, data: Buffer | undefined) => void,
    ): void;
    /** Not part of the documented interface; see `closeClient` for why it is needed. */
    readonly connectionManager: { setState(state: number): void; readonly socket?: { destroy(): void } };
  }

  const zookeeper: {
    createClient(
      servers: string,
      options: { sessionTimeout: number; spinDelay: number; retries: number },
    ): Client;
    readonly State: Readonly<Record<'SYNC_CONNECTED' | 'EXPIRED' | 'AUTH_FAILED' | 'DISCONNECTED', object>>;
    readonly Exception: { readonly NO_NODE: number; readonly NO_AUTH: number };
  };
  export default zookeeper;
}
