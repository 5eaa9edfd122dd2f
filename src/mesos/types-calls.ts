/**
 * The calls and events of the v1 scheduler and executor APIs, in the JSON form of `types.ts`.
 *
 * Each exists as a union discriminated on `type` (what we send, and what the codec vouches for) and as
 * `…Fields`: what any peer may have sent, every field optional, for a server that must answer 400 itself.
 */
import type {
  AgentId,
  AgentInfo,
  Base64,
  ContainerId,
  ExecutorId,
  FrameworkId,
  FrameworkInfo,
  MasterInfo,
  OfferId,
  OperationId,
  Resource,
  ResourceProviderId,
  TaskId,
} from './types-common.ts';
import type { Filters, InverseOffer, Offer, Operation } from './types-offers.ts';
import type {
  ExecutorInfo,
  KillPolicy,
  OperationStatus,
  TaskGroupInfo,
  TaskInfo,
  TaskStatus,
} from './types-tasks.ts';

/** `scheduler.Call`. */
export type SchedulerCall =
  | {
      readonly type: 'SUBSCRIBE';
      /** Must equal `subscribe.framework_info.id`: both or neither. */
      readonly framework_id?: FrameworkId;
      readonly subscribe: Subscribe;
    }
  | SchedulerFrameworkCall;

/** Every call but SUBSCRIBE: it names the framework and needs a subscribed stream. */
export type SchedulerFrameworkCall = { readonly framework_id: FrameworkId } & SchedulerCallBody;

/** A call without its framework id, as the client's user writes it. */
export type SchedulerCallBody =
  | { readonly type: 'TEARDOWN' }
  | { readonly type: 'ACCEPT'; readonly accept: Accept }
  | { readonly type: 'DECLINE'; readonly decline: Decline }
  | { readonly type: 'ACCEPT_INVERSE_OFFERS'; readonly accept_inverse_offers: AnswerInverseOffers }
  | { readonly type: 'DECLINE_INVERSE_OFFERS'; readonly decline_inverse_offers: AnswerInverseOffers }
  | { readonly type: 'REVIVE'; readonly revive?: Roles }
  | { readonly type: 'SUPPRESS'; readonly suppress?: Roles }
  | { readonly type: 'KILL'; readonly kill: Kill }
  | { readonly type: 'SHUTDOWN'; readonly shutdown: Shutdown }
  | { readonly type: 'ACKNOWLEDGE'; readonly acknowledge: Acknowledge }
  | {
      readonly type: 'ACKNOWLEDGE_OPERATION_STATUS';
      readonly acknowledge_operation_status: AcknowledgeOperationStatus;
    }
  | { readonly type: 'RECONCILE'; readonly reconcile: Reconcile }
  | { readonly type: 'RECONCILE_OPERATIONS'; readonly reconcile_operations: ReconcileOperations }
  | { readonly type: 'MESSAGE'; readonly message: SchedulerMessage }
  | { readonly type: 'REQUEST'; readonly request: RequestResources }
  | { readonly type: 'UPDATE_FRAMEWORK'; readonly update_framework: Subscribe };

export type SchedulerCallType = SchedulerCall['type'];

/** A decoded `scheduler.Call`, nothing vouched for; an unknown `type` reads as UNKNOWN or is absent. */
export type SchedulerCallFields = {
  readonly type?: SchedulerCallType | 'UNKNOWN';
  readonly framework_id?: FrameworkId;
  readonly subscribe?: Subscribe;
  readonly accept?: Accept;
  readonly decline?: Decline;
  readonly accept_inverse_offers?: AnswerInverseOffers;
  readonly decline_inverse_offers?: AnswerInverseOffers;
  readonly revive?: Roles;
  readonly suppress?: Roles;
  readonly kill?: Kill;
  readonly shutdown?: Shutdown;
  readonly acknowledge?: Acknowledge;
  readonly acknowledge_operation_status?: AcknowledgeOperationStatus;
  readonly reconcile?: Reconcile;
  readonly reconcile_operations?: ReconcileOperations;
  readonly message?: SchedulerMessage;
  readonly request?: RequestResources;
  readonly update_framework?: Subscribe;
};

/** `Call.Subscribe` and `Call.UpdateFramework`, which are alike. */
export type Subscribe = {
  readonly framework_info: FrameworkInfo;
  readonly suppressed_roles?: readonly string[];
  readonly offer_constraints?: OfferConstraints;
};
export type OfferConstraints = {
  readonly role_constraints?: Readonly<
    Record<
      string,
      { readonly groups?: readonly { readonly attribute_constraints?: readonly AttributeConstraint[] }[] }
    >
  >;
};
/** Exactly one member of `selector` and one of `predicate` is set; `regex` is RE2. */
export type AttributeConstraint = {
  readonly selector: {
    readonly pseudoattribute_type?: 'UNKNOWN' | 'HOSTNAME' | 'REGION' | 'ZONE';
    readonly attribute_name?: string;
  };
  readonly predicate: {
    readonly exists?: Record<string, never>;
    readonly not_exists?: Record<string, never>;
    readonly text_equals?: { readonly value: string };
    readonly text_not_equals?: { readonly value: string };
    readonly text_matches?: { readonly regex: string };
    readonly text_not_matches?: { readonly regex: string };
  };
};
export type Accept = {
  readonly offer_ids?: readonly OfferId[];
  readonly operations?: readonly Operation[];
  readonly filters?: Filters;
};
export type Decline = { readonly offer_ids?: readonly OfferId[]; readonly filters?: Filters };
export type AnswerInverseOffers = {
  readonly inverse_offer_ids?: readonly OfferId[];
  readonly filters?: Filters;
};
/** Of REVIVE and SUPPRESS; none means all roles of the framework. */
export type Roles = { readonly roles?: readonly string[] };
export type Kill = {
  readonly task_id: TaskId;
  readonly agent_id?: AgentId;
  readonly kill_policy?: KillPolicy;
};
export type Shutdown = { readonly executor_id: ExecutorId; readonly agent_id: AgentId };
export type Acknowledge = {
  readonly agent_id: AgentId;
  readonly task_id: TaskId;
  readonly uuid: Base64;
};
export type AcknowledgeOperationStatus = {
  readonly agent_id?: AgentId;
  readonly resource_provider_id?: ResourceProviderId;
  readonly uuid: Base64;
  readonly operation_id: OperationId;
};
/** No tasks: implicit reconciliation, of all tasks the master knows. */
export type Reconcile = {
  readonly tasks?: readonly { readonly task_id: TaskId; readonly agent_id?: AgentId }[];
};
export type ReconcileOperations = {
  readonly operations?: readonly {
    readonly operation_id: OperationId;
    readonly agent_id?: AgentId;
    readonly resource_provider_id?: ResourceProviderId;
  }[];
};
/** Of a call and of an event. */
export type SchedulerMessage = {
  readonly agent_id: AgentId;
  readonly executor_id: ExecutorId;
  readonly data: Base64;
};
export type RequestResources = {
  readonly requests?: readonly { readonly agent_id?: AgentId; readonly resources?: readonly Resource[] }[];
};

/** `scheduler.Event`. UNKNOWN is an event of a newer master: ignore it. */
export type SchedulerEvent =
  | { readonly type: 'SUBSCRIBED'; readonly subscribed: Subscribed }
  | { readonly type: 'OFFERS'; readonly offers: { readonly offers?: readonly Offer[] } }
  | {
      readonly type: 'INVERSE_OFFERS';
      readonly inverse_offers: { readonly inverse_offers?: readonly InverseOffer[] };
    }
  | { readonly type: 'RESCIND'; readonly rescind: { readonly offer_id: OfferId } }
  | {
      readonly type: 'RESCIND_INVERSE_OFFER';
      readonly rescind_inverse_offer: { readonly inverse_offer_id: OfferId };
    }
  | { readonly type: 'UPDATE'; readonly update: { readonly status: TaskStatus } }
  | {
      readonly type: 'UPDATE_OPERATION_STATUS';
      readonly update_operation_status: { readonly status: OperationStatus };
    }
  | { readonly type: 'MESSAGE'; readonly message: SchedulerMessage }
  | { readonly type: 'FAILURE'; readonly failure: Failure }
  | { readonly type: 'ERROR'; readonly error: { readonly message: string } }
  | { readonly type: 'HEARTBEAT' }
  | { readonly type: 'UNKNOWN' };

export type SchedulerEventType = SchedulerEvent['type'];

export type Subscribed = {
  readonly framework_id: FrameworkId;
  readonly heartbeat_interval_seconds?: number;
  readonly master_info?: MasterInfo;
};
/** With an executor: it ended, `status` is the raw wait status. Without: the agent was removed. */
export type Failure = {
  readonly agent_id?: AgentId;
  readonly executor_id?: ExecutorId;
  readonly status?: number;
};

/** `executor.Call`. */
export type ExecutorCall = { readonly executor_id: ExecutorId; readonly framework_id: FrameworkId } & (
  | { readonly type: 'SUBSCRIBE'; readonly subscribe: ExecutorSubscribe }
  | { readonly type: 'UPDATE'; readonly update: { readonly status: TaskStatus } }
  | { readonly type: 'MESSAGE'; readonly message: { readonly data: Base64 } }
  | { readonly type: 'HEARTBEAT' }
);

export type ExecutorCallType = ExecutorCall['type'];

/** A decoded `executor.Call`, nothing vouched for but what protobuf itself requires. */
export type ExecutorCallFields = {
  readonly executor_id: ExecutorId;
  readonly framework_id: FrameworkId;
  readonly type?: ExecutorCallType | 'UNKNOWN';
  readonly subscribe?: ExecutorSubscribe;
  readonly update?: { readonly status: TaskStatus };
  readonly message?: { readonly data: Base64 };
};

export type ExecutorSubscribe = {
  readonly unacknowledged_tasks?: readonly TaskInfo[];
  readonly unacknowledged_updates?: readonly { readonly status: TaskStatus }[];
};

/** `executor.Event`. UNKNOWN is an event of a newer agent: ignore it. */
export type ExecutorEvent =
  | { readonly type: 'SUBSCRIBED'; readonly subscribed: ExecutorSubscribed }
  | { readonly type: 'LAUNCH'; readonly launch: { readonly task: TaskInfo } }
  | { readonly type: 'LAUNCH_GROUP'; readonly launch_group: { readonly task_group: TaskGroupInfo } }
  | { readonly type: 'KILL'; readonly kill: { readonly task_id: TaskId; readonly kill_policy?: KillPolicy } }
  | {
      readonly type: 'ACKNOWLEDGED';
      readonly acknowledged: { readonly task_id: TaskId; readonly uuid: Base64 };
    }
  | { readonly type: 'MESSAGE'; readonly message: { readonly data: Base64 } }
  | { readonly type: 'ERROR'; readonly error: { readonly message: string } }
  | { readonly type: 'SHUTDOWN' }
  | { readonly type: 'HEARTBEAT' }
  | { readonly type: 'UNKNOWN' };

export type ExecutorEventType = ExecutorEvent['type'];

export type ExecutorSubscribed = {
  readonly executor_info: ExecutorInfo;
  readonly framework_info: FrameworkInfo;
  readonly agent_info: AgentInfo;
  readonly container_id?: ContainerId;
};
