/** Makes something of a batch's options once: a process, thread or function has one `ctx.options` for all items of a batch. */
export function byOptions<O extends object, V>(make: (options: O) => V): (options: O) => V {
  const made = new WeakMap<O, { value: V }>();
  return (options) => {
    let known = made.get(options);
    if (known === undefined) {
      known = { value: make(options) };
      made.set(options, known);
    }
    return known.value;
  };
}
