// The failures of a provider that are worth another try.

/** No definite answer: the provider is away, slow, busy or talks nonsense. Whether it acted is unknown. */
export class ProviderUnavailable extends Error {
  constructor(provider: string, text: string, options?: { cause?: unknown }) {
    super(`${provider}: ${text}`, options);
    this.name = 'ProviderUnavailable';
  }
}

/** It answered, and sensibly: only not now, such as while its own balance is empty. It is not in trouble. */
export class ProviderNotNow extends ProviderUnavailable {
  constructor(provider: string, text: string) {
    super(provider, text);
    this.name = 'ProviderNotNow';
  }
}
