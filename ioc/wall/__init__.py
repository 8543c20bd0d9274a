"""Wall: draws the boards' files live in a browser, without Grafana and without any resource from elsewhere."""
