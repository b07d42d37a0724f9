/**
 * Opens something of several parts: what was opened before a part fails is closed again, and otherwise closed with the
 * whole, together with what is opened later.
 */
export async function openWhole<T>(open: (cleanup: Cleanup) => Promise<T>): Promise<T & AsyncDisposable> {
  const cleanup = new Cleanup();
  try {
    const whole = await open(cleanup);
    return Object.assign(whole as T & object, {
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    });
  } catch (error) {
    await cleanup[Symbol.asyncDispose]();
    throw error;
  }
}

/** What has to be undone, undone in reverse order; the first error is kept. */
export class Cleanup implements AsyncDisposable {
  readonly #steps: (() => unknown)[] = [];

  defer(step: () => unknown): void {
    this.#steps.push(step);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
