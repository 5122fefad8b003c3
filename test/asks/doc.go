package asks
