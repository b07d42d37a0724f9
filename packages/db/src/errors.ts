/**
 * What a database error means. The only file that knows Prisma's P-numbers and PostgreSQL's SQLSTATEs: the same fault
 * has a P-number of its own when it comes out of a model's method and is P2010 when it comes out of raw SQL, where only
 * the SQLSTATE inside tells.
 */

/** Somebody else has the same key already. With `constraint`: only of that unique constraint or index. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const fault = faultOf(error);
  if (fault?.sqlState !== '23505' && fault?.code !== 'P2002') return false;
  return constraint === undefined || mentions(fault, constraint);
}

/** The row points at one that does not exist, or is pointed at and can't go. With `constraint`: only that one. */
export function isForeignKeyViolation(error: unknown, constraint?: string): boolean {
  const fault = faultOf(error);
  const is = fault?.sqlState === '23503' || fault?.sqlState === '23001' || fault?.code === 'P2003';
  return is && (constraint === undefined || mentions(fault, constraint));
}

/** A CHECK constraint refused the row. With `constraint`: only that one. */
export function isCheckViolation(error: unknown, constraint?: string): boolean {
  const fault = faultOf(error);
  if (fault?.sqlState !== '23514') return false;
  return constraint === undefined || mentions(fault, constraint);
}

/** PostgreSQL ended the transaction so that another one could go on; the same again may well succeed. */
export function isTransactionConflict(error: unknown): boolean {
  const fault = faultOf(error);
  return fault?.code === 'P2034' || fault?.sqlState === '40001' || fault?.sqlState === '40P01';
}

/** The database can't be reached, is starting or stopping, or has no connection to spare. It may come back. */
export function isUnavailable(error: unknown): boolean {
  const fault = faultOf(error);
  if (!fault) return false;
  const codes = [fault.code, fault.sqlState, fault.kind];
  if (codes.some((code) => code !== undefined && unavailableCodes.has(code))) return true;
  // Class 08 is "connection exception". node-postgres and Prisma report the others without a code of their own.
  return fault.sqlState?.startsWith('08') === true || connectionTexts.test(fault.message);
}

const unavailableCodes = new Set([
  'P1001', // not reachable
  'P1002', // reached, timed out
  'P1008', // socket timeout
  'P1017', // the server closed the connection
  'P2024', // no connection from the pool in time
  'P2037', // too many connections
  '53300', // too_many_connections
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  // The adapter's kinds, which come out of raw SQL without a number.
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
]);
const connectionTexts =
  /Connection terminated|encountered a connection error|timeout exceeded when trying to connect|Unable to start a transaction in the given time/;

interface Fault {
  /** Prisma's P-number, or a socket's errno. */
  readonly code: string | undefined;
  readonly sqlState: string | undefined;
  /** The driver adapter's own word. */
  readonly kind: string | undefined;
  readonly message: string;
  readonly constraint: string | undefined;
}

interface DriverCause {
  readonly kind?: unknown;
  readonly originalCode?: unknown;
  readonly originalMessage?: unknown;
  readonly code?: unknown;
  readonly constraint?: { readonly index?: unknown };
}

function faultOf(error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, meta, cause } = error as Error & {
    code?: unknown;
    meta?: { driverAdapterError?: { cause?: DriverCause } };
    cause?: unknown;
  };
  const driver = meta?.driverAdapterError?.cause ?? (cause as DriverCause | undefined);
  return {
    code: text(code),
    sqlState: text(driver?.originalCode) ?? text(driver?.code) ?? text(code),
    kind: text(driver?.kind),
    message: `${error.message} ${text(driver?.originalMessage) ?? ''}`,
    constraint: text(driver?.constraint?.index),
  };
}

/** PostgreSQL quotes the constraint's name in its messages. */
function mentions(fault: Fault, constraint: string): boolean {
  return fault.constraint === constraint || fault.message.includes(`"${constraint}"`);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
