package io.vela.cli;

/**
 * A verb that another module adds, found by {@link java.util.ServiceLoader}: a class with picocli's
 * {@code @Command} that says its name, and a public constructor without parameters that does
 * nothing, because listing the verbs makes one of each.
 */
public interface Subcommand extends java.util.concurrent.Callable<Integer> {}
