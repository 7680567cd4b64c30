/** JMH benchmarks of what runs for each buffer and each connection. */
@NullMarked
package io.vela.bench.micro;

import org.jspecify.annotations.NullMarked;
