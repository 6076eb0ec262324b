// One read for all who ask for the same at the same time.

export interface SharedReads<T> {
  /**
   * What the read brings that is under way for this key, or that of `read`, which begins now.
   * @param keep remembers it, unless something changed since it began
   */
  share(key: string, read: () => Promise<T>, keep?: (value: T) => void): Promise<T>;
  /** Something changed: what was read before is neither kept nor given to who asks from now on. Without a key: for all. */
  forget(key?: string): void;
}

export function createSharedReads<T>(): SharedReads<T> {
  const underWay = new Map<string, Promise<T>>();
  return {
    share(key, read, keep) {
      const running = underWay.get(key);
      if (running) return running;
      const isCurrent = () => underWay.get(key) === begun;
      const begun = read()
        .then((value) => {
          if (isCurrent()) keep?.(value);
          return value;
        })
        .finally(() => {
          if (isCurrent()) underWay.delete(key);
        });
      underWay.set(key, begun);
      return begun;
    },
    forget(key) {
      if (key === undefined) underWay.clear();
      else underWay.delete(key);
    },
  };
}
