// What every job may use.
import type { Services } from '#shared/boot/services.ts';
import type { Settler } from './coalescer.ts';
import type { Mailer } from './mail/mailer.ts';
import type { PaymentProviders } from './providers/provider.ts';

export interface WorkerDeps extends Services {
  settler: Settler;
  mailer: Mailer;
  providers: PaymentProviders;
}
