import type { Parsed, Reply, RouteName } from '@waybill/contract';
import type { Context } from '@waybill/operations';
import type { Request, Response } from 'express';

/** A request that was authenticated, authorised and validated. */
export interface ApiRequest<N extends RouteName> {
  readonly params: Parsed<N, 'params'>;
  readonly query: Parsed<N, 'query'>;
  readonly headers: Parsed<N, 'headers'>;
  readonly body: Parsed<N, 'body'>;
  /** On whose behalf operations are carried out. */
  readonly context: Context;
}

/** Throws a `Refusal` or an `OperationError` to say no. */
export type Handler<N extends RouteName> = (
  request: ApiRequest<N>,
  raw: { readonly req: Request; readonly res: Response },
) => Promise<N extends 'watchRun' ? undefined : Reply<N>>;

/** One handler for each route of the contract: leaving one out is an error of compilation. */
export type Handlers = { readonly [N in RouteName]: Handler<N> };
