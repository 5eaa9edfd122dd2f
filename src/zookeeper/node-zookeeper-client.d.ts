// The part of node-zookeeper-client 1.1 in use here; the package brings no types.
declare module 'node-zookeeper-client' {
  import type { EventEmitter } from 'node:events';

  namespace zookeeper {
    type Failure = Error & { getCode(): number };
    type Callback<T extends unknown[]> = (error: Failure | null | undefined, ...results: T) => void;
    /** A long of the wire is a Buffer of eight bytes. */
    type Stat = {
      readonly mzxid: Buffer;
      readonly version: number;
      readonly dataLength: number;
      readonly numChildren: number;
    };
    type Acl = object;
    /** `type` is the operation's code, or that of an error (-1) with `err`. */
    type TransactionResult = { readonly type: number; readonly err?: number; readonly stat?: Stat };

    interface Transaction {
      create(path: string, data: Buffer, acls: readonly Acl[], mode: number): Transaction;
      check(path: string, version: number): Transaction;
      setData(path: string, data: Buffer, version: number): Transaction;
      remove(path: string, version: number): Transaction;
      commit(callback: Callback<[readonly TransactionResult[] | undefined]>): void;
    }

    interface Client extends EventEmitter {
      connect(): void;
      close(): void;
      getState(): object;
      getSessionTimeout(): number;
      addAuthInfo(scheme: string, auth: Buffer): void;
      create(path: string, data: Buffer, acls: readonly Acl[], mode: number, done: Callback<[string]>): void;
      setData(path: string, data: Buffer, version: number, done: Callback<[Stat]>): void;
      exists(path: string, done: Callback<[Stat | null]>): void;
      getData(
        path: string,
        watcher: (() => void) | undefined,
        done: Callback<[Buffer | undefined, Stat]>,
      ): void;
      getChildren(path: string, watcher: (() => void) | undefined, done: Callback<[string[]]>): void;
      remove(path: string, version: number, done: Callback<[]>): void;
      transaction(): Transaction;
      /** Not part of the documented interface; `session.ts` says what it is needed for. */
      readonly connectionManager: ConnectionManager;
    }

    interface ConnectionManager {
      servers: { readonly host: string; readonly port: number }[];
      readonly packetQueue: { queue: { readonly callback?: (error: Failure) => void }[] };
      pendingBuffer: Buffer | null;
      socket?: { destroy(): void };
      readonly connectTimeoutHandler: NodeJS.Timeout | null;
      setState(state: number): void;
      onSocketConnected(): void;
      onSocketClosed(hadError: boolean): void;
      onSocketData(chunk: Buffer): void;
    }
  }

  const zookeeper: {
    createClient(
      servers: string,
      options: { sessionTimeout: number; spinDelay: number; retries: number },
    ): zookeeper.Client;
    readonly State: Readonly<Record<'SYNC_CONNECTED' | 'EXPIRED' | 'AUTH_FAILED' | 'DISCONNECTED', object>>;
    readonly CreateMode: { readonly PERSISTENT: 0; readonly EPHEMERAL: 1; readonly EPHEMERAL_SEQUENTIAL: 3 };
    readonly Permission: { readonly ALL: number };
    readonly Id: new (scheme: string, id: string) => object;
    readonly ACL: {
      readonly OPEN_ACL_UNSAFE: readonly zookeeper.Acl[];
      new (permission: number, id: object): zookeeper.Acl;
    };
  };
  export default zookeeper;
}
