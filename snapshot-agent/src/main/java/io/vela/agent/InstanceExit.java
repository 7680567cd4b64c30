package io.vela.agent;

/**
 * The end of an instance's postmaster.
 *
 * @param id whose instance it was
 * @param requested whether {@link CloneService#stop} asked for it
 * @param logTail the last lines of its log
 */
public record InstanceExit(CloneId id, boolean requested, String logTail) {}
