// A worker process is killed while it waits for a provider that has acted already: nothing is done twice or lost.
import { answerLost } from '#tests/support/crash-stage.ts';
import { tellCrashes } from '#tests/support/crash-stories.ts';

tellCrashes('answer', answerLost);
