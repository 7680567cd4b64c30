package io.vela.agent;

import io.vela.config.Durability;
import io.vela.config.Network;

/**
 * What an instance that runs was started with, whatever has been asked for since.
 *
 * @param durability what its commits promise
 * @param network what network its processes are in
 */
public record RunningAs(Durability durability, Network network) {}
