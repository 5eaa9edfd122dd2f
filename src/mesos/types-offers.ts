/** Offers and the operations on them; see types.ts. */
import type {
  AgentId,
  AllocationInfo,
  Attribute,
  DiskSourceType,
  DomainInfo,
  DurationInfo,
  ExecutorId,
  FrameworkId,
  OfferId,
  OperationId,
  Resource,
  Scalar,
  TimeInfo,
  Url,
} from './types-common.ts';
import type { ExecutorInfo, TaskGroupInfo, TaskInfo } from './types-tasks.ts';

// Offers and operations

export type Offer = {
  readonly id: OfferId;
  readonly framework_id: FrameworkId;
  readonly agent_id: AgentId;
  readonly hostname: string;
  readonly url?: Url;
  readonly domain?: DomainInfo;
  readonly resources?: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly executor_ids?: readonly ExecutorId[];
  readonly unavailability?: Unavailability;
  readonly allocation_info?: AllocationInfo;
};

export type InverseOffer = {
  readonly id: OfferId;
  readonly url?: Url;
  readonly framework_id: FrameworkId;
  readonly agent_id?: AgentId;
  readonly unavailability: Unavailability;
  readonly resources?: readonly Resource[];
};

export type Unavailability = { readonly start: TimeInfo; readonly duration?: DurationInfo };
/** Seconds; 5 when absent. */
export type Filters = { readonly refuse_seconds?: number };

export type OperationType =
  | 'UNKNOWN'
  | 'LAUNCH'
  | 'LAUNCH_GROUP'
  | 'RESERVE'
  | 'UNRESERVE'
  | 'CREATE'
  | 'DESTROY'
  | 'GROW_VOLUME'
  | 'SHRINK_VOLUME'
  | 'CREATE_DISK'
  | 'DESTROY_DISK';

/** `Offer.Operation`. The `id` asks for feedback; on LAUNCH and LAUNCH_GROUP the master refuses it. */
export type Operation = { readonly id?: OperationId } & (
  | { readonly type: 'LAUNCH'; readonly launch: { readonly task_infos?: readonly TaskInfo[] } }
  | {
      readonly type: 'LAUNCH_GROUP';
      readonly launch_group: { readonly executor: ExecutorInfo; readonly task_group: TaskGroupInfo };
    }
  | {
      readonly type: 'RESERVE';
      readonly reserve: { readonly resources?: readonly Resource[]; readonly source?: readonly Resource[] };
    }
  | { readonly type: 'UNRESERVE'; readonly unreserve: { readonly resources?: readonly Resource[] } }
  | { readonly type: 'CREATE'; readonly create: { readonly volumes?: readonly Resource[] } }
  | { readonly type: 'DESTROY'; readonly destroy: { readonly volumes?: readonly Resource[] } }
  | {
      readonly type: 'GROW_VOLUME';
      readonly grow_volume: { readonly volume: Resource; readonly addition: Resource };
    }
  | {
      readonly type: 'SHRINK_VOLUME';
      readonly shrink_volume: { readonly volume: Resource; readonly subtract: Scalar };
    }
  | {
      readonly type: 'CREATE_DISK';
      readonly create_disk: {
        readonly source: Resource;
        readonly target_type: DiskSourceType;
        readonly target_profile?: string;
      };
    }
  | { readonly type: 'DESTROY_DISK'; readonly destroy_disk: { readonly source: Resource } }
);
