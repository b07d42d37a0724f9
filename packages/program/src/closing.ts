/** What was opened, to be closed in reverse order. A part that fails to close does not keep the others open. */
export class Closing {
  readonly #parts: { name: string; close: () => Promise<unknown> }[] = [];

  add(name: string, close: () => Promise<unknown>): void {
    this.#parts.push({ name, close });
  }

  /** Safe to call twice. @throws AggregateError naming the parts that did not close */
  async close(): Promise<void> {
    const errors: Error[] = [];
    for (let part = this.#parts.pop(); part; part = this.#parts.pop()) {
      try {
        await part.close();
      } catch (cause) {
        errors.push(new Error(`closing ${part.name}`, { cause }));
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map(({ message }) => message).join(', '));
  }
}
