package io.vela.router.warm;

import io.vela.agent.CloneId;
import io.vela.agent.Endpoint;
import io.vela.agent.InstanceExit;
import io.vela.agent.InstanceSettings;
import io.vela.agent.SnapshotId;
import io.vela.config.value.BaselineName;
import io.vela.router.room.Place;
import java.util.concurrent.CompletableFuture;

/**
 * A clone that runs and is nobody's.
 *
 * @param snapshot what it was made from
 * @param settings what it was started with
 * @param place its instance's
 * @param ended completes when the instance has ended
 */
public record WarmClone(
    CloneId id,
    BaselineName baseline,
    SnapshotId snapshot,
    InstanceSettings settings,
    Endpoint endpoint,
    Place place,
    CompletableFuture<InstanceExit> ended) {}
