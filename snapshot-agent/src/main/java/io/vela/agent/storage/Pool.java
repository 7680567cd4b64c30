package io.vela.agent.storage;


