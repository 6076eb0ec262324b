// One read for all who ask for the same at the same time.

export interface SharedReads<T> {
  /** What the read brings that is under way for this key, or that of `read`, which begins now. */
  share(key: string, read: () => Promise<T>): Promise<T>;
  /** Something changed: who asks from now on does not get what was read before. Without a key: for none of them. */
  forget(key?: string): void;
}

export function createSharedReads<T>(): SharedReads<T> {
  const underWay = new Map<string, Promise<T>>();
  return {
    share(key, read) {
      const running = underWay.get(key);
      if (running) return running;
      const begun = read().finally(() => {
        if (underWay.get(key) === begun) underWay.delete(key);
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
