// A worker process is killed with the provider's answer in its hands, before its commit: nothing is done twice or lost.
import { commitLost } from '#tests/support/crash-stage.ts';
import { tellCrashes } from '#tests/support/crash-stories.ts';

tellCrashes('commit', commitLost);
