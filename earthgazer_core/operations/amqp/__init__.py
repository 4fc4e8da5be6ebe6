"""RabbitMQ as a fleet's broker: depths, messages and levers over plain AMQP 0-9-1."""
