"""groove: step charts that feel alike lie close together, measured."""
