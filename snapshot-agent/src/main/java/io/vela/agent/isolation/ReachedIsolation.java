package io.vela.agent.isolation;

/**
 * How far the processes of branches are locked in on this host.
 *
 * @param shortfall why no further, to follow "because"; empty at the highest level
 */
public record ReachedIsolation(IsolationLevel level, String shortfall) {}
